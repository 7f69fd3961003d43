/* buyers.c: one fiber per buyer, which acts like a person with a browser: it requests, waits,
 * retries after a silence, and gives up in the end. Responses are checked where they arrive; buyers
 * only put load on the other parts. A buyer knows of an order only what the last response said. */
#include "buyers.h"

#include "adapters.h"
#include "bank.h"
#include "books.h"
#include "invariants.h"
#include "queue/guest.h"
#include "seats.h"
#include "stage/faults.h"
#include "stage/probes.h"

#include "core/making/making.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TRIES = 6, LOOKS_MAX = 400, WINDOW_LOOKS = 5 };

struct buyer {
    unsigned event;
    uint64_t id, comes_us;
    struct rng_seeded dice;
    uint64_t hold;
    uint32_t seats[SEAT_CALL_SEATS], seats_len;
    struct order order;
    unsigned stored;        /* how often it was sent to the database, each time under a new id */
    struct book_order seen; /* the order in the last response */
    unsigned parts;         /* refunds of a part of it that are still to come */
    struct guest *guest;    /* NULL: the world has no line */
};

static uint32_t left;

static uint64_t below(struct buyer *buyer, uint64_t bound)
{
    return rng_below(&buyer->dice.rng, bound);
}

static bool perhaps(struct buyer *buyer, unsigned percent)
{
    return below(buyer, 100) < percent;
}

static void rest(struct buyer *buyer, uint64_t most_us)
{
    sim_sleep(1 + below(buyer, most_us));
}

static struct seat_call *call_of(struct buyer *buyer, enum seat_op op)
{
    struct seat_call *call = sim_new(sizeof(*call));
    call->op = op;
    call->event = buyer->event;
    call->buyer = buyer->id;
    call->hold = buyer->hold;
    call->timeout_us = 5 * SIM_S;
    call->guest = buyer->guest;
    call->pass = buyer->guest != NULL ? strdup(buyer->guest->pass) : NULL;
    return call;
}

/* The same buyer in another window. */
static struct buyer *copy_of(const struct buyer *buyer)
{
    struct buyer *window = sim_copy(buyer, sizeof(*buyer));
    rng_seeded_init(&window->dice, sim_below(SIM_CHOICES, UINT64_MAX));
    left += 1;
    return window;
}

/* Chooses neighbouring seats somewhere, or asks for the best. */
static void choose(struct buyer *buyer, struct seat_call *call)
{
    call->quantity = (uint32_t)(1 + below(buyer, SEAT_CALL_SEATS));
    if (perhaps(buyer, 30))
        return;
    uint32_t first = (uint32_t)below(buyer, seats_count());
    for (uint32_t i = 0; i < call->quantity && first + i < seats_count(); i++)
        call->seats[call->seats_len++] = first + i;
}

static bool hold(struct buyer *buyer)
{
    for (unsigned try = 0; try < TRIES; try++) {
        struct seat_call *call = call_of(buyer, SEAT_HOLD);
        choose(buyer, call);
        if (seat_ask(call) == SEAT_DONE) {
            buyer->hold = call->hold;
            buyer->seats_len = call->seats_len;
            memcpy(buyer->seats, call->seats, sizeof(buyer->seats));
            return true;
        }
        rest(buyer, 2 * SIM_S);
    }
    return false;
}

/* Gives one seat up. Returns false if the hold is no longer known. */
static bool change(struct buyer *buyer)
{
    if (buyer->seats_len < 2)
        return true;
    struct seat_call *call = call_of(buyer, SEAT_CHANGE);
    call->remove[0] = buyer->seats[buyer->seats_len - 1];
    call->remove_len = 1;
    enum seat_answer answer = seat_ask(call);
    if (answer == SEAT_DONE)
        buyer->seats_len -= 1;
    return answer != SEAT_SILENT;
}

/* ---- requests to the payment adapter: it answers 503 when its database does not answer ---- */

struct late {
    struct order order;
    char key[16];
    uint64_t hold, buyer;
};

static void store_late(void *ctx)
{
    const struct late *late = ctx;
    if (book_order(&late->order, late->key, late->hold, late->buyer, adapter_def(CHECKOUT_SALE)))
        probe_reached(PROBE_ORDERED_LATE);
}

/* Returns false if the answer is lost. The commit may then be stored even later. */
static bool store(struct buyer *buyer, const char *key, bool *is_new)
{
    struct order *order = &buyer->order;
    if (buyer->stored++ > 0)
        strcat(order->id, "+");
    if (fault_now(FAULT_BOOK_LATE)) {
        struct late *late = sim_new(sizeof(*late));
        *late = (struct late){.order = *order, .hold = buyer->hold, .buyer = buyer->id};
        snprintf(late->key, sizeof(late->key), "%s", key);
        sim_after(NULL, sim_between(0, 8 * (uint64_t)SIM_S), store_late, late);
        return false;
    }
    *is_new = book_order(order, key, buyer->hold, buyer->id, adapter_def(CHECKOUT_SALE));
    return book_answers();
}

/* Orders as api/order_http.c does. Returns false for 503; otherwise *out is the order, or NULL. */
static bool try_post(struct buyer *buyer, const char *key, const struct book_order **out)
{
    const struct book_order *row = NULL;
    struct making making = {.state = MAKING_BEGUN};
    struct making_event event = {.input = MAKING_REQUEST, .wait_ms = 2500};
    *out = NULL;
    for (;;) {
        bool is_new = false;
        switch (making_step(&making, &event)) {
        case MAKING_LOOKS:
            if (!book_reaches())
                return false;
            row = book_made(buyer->id, key, buyer->hold);
            event = (struct making_event){.input = MAKING_FOUND, .is_there = row != NULL};
            event.is_ours = row != NULL && row->buyer == buyer->id;
            event.has_key = row != NULL && strcmp(row->key, key) == 0;
            event.says_same = row != NULL && row->hold == buyer->hold;
            if (!book_answers())
                return false;
            break;
        case MAKING_ASKS:
            rest(buyer, 20 * SIM_MS);
            event = (struct making_event){.input = MAKING_HELD};
            break;
        case MAKING_STORES:
            if (!book_reaches())
                return false;
            if (book_is_off())
                return true;
            if (!store(buyer, key, &is_new))
                return false;
            event = (struct making_event){.input = MAKING_STORED, .is_new = is_new};
            adapters_nudge();
            break;
        case MAKING_WAITS:
            sim_sleep(making.pause_ms * (uint64_t)SIM_MS);
            event = (struct making_event){.input = MAKING_WAITED, .has_room = true};
            break;
        case MAKING_READS:
            if (!book_reaches())
                return false;
            row = book_read(buyer->order.id);
            bool unpaid = row->status == ORDER_PENDING_PAYMENT && row->payment[0] == '\0';
            event = (struct making_event){.input = MAKING_READ, .is_unpaid = unpaid};
            if (!book_answers())
                return false;
            break;
        default:
            if (making.answer == MAKING_NOT_OURS || making.answer == MAKING_KEY_REUSED)
                invariant_broken(INVARIANT_2, "%s: its own key and hold are refused (%d)",
                                 buyer->order.id, (int)making.answer);
            *out = making.answer <= MAKING_MADE_BEFORE ? row : NULL;
            return making.answer != MAKING_NOT_NOW;
        }
    }
}

/* Sends the order until it is answered. Returns the order, or NULL. */
static const struct book_order *post(struct buyer *buyer, const char *key)
{
    const struct book_order *row = NULL;
    unsigned tries = 0;
    while (!try_post(buyer, key, &row) && ++tries < TRIES)
        rest(buyer, 2 * SIM_S);
    if (row != NULL && (row->buyer != buyer->id || row->hold != buyer->hold))
        invariant_broken(INVARIANT_2, "%s is answered with %s", buyer->order.id, row->id);
    if (row != NULL && tries > 0)
        probe_reached(PROBE_ORDERED_AGAIN);
    return row;
}

/* Sends the same order from a second window, or again after a lost response. */
static void post_too(void *ctx)
{
    struct buyer *buyer = ctx;
    const char *key = perhaps(buyer, 50) ? "first" : "second";
    rest(buyer, 100 * SIM_MS);
    (void)post(buyer, key);
    left -= 1;
}

static const struct book_order *order(struct buyer *buyer)
{
    struct order *order = &buyer->order;
    uint8_t digest[CHANGE_HASH_BYTES];
    snprintf(order->id, sizeof(order->id), "o_%" PRIu64, buyer->id);
    snprintf(order->event, sizeof(order->event), "%s", seats_event(buyer->event));
    snprintf(order->hold, sizeof(order->hold), "%" PRIx64, buyer->hold);
    snprintf(order->member, sizeof(order->member), "%" PRIu64, buyer->id);
    if (buyer->guest != NULL)
        snprintf(order->session, sizeof(order->session), "%s", buyer->guest->session);
    else
        snprintf(order->session, sizeof(order->session), "s_%" PRIu64, buyer->id);
    snprintf(order->lang, sizeof(order->lang), "ko");
    snprintf(order->provider, sizeof(order->provider), "stripe");
    snprintf(order->currency, sizeof(order->currency), "KRW");
    order->amount = buyer->seats_len * (uint64_t)SEAT_PRICE;
    order->seats_len = buyer->seats_len;
    for (uint32_t i = 0; i < buyer->seats_len; i++)
        snprintf(order->seats[i], sizeof(order->seats[i]), "s%u", buyer->seats[i]);
    seats_price(buyer->event, buyer->seats, buyer->seats_len, digest);
    purchase_digest_text(digest, order->purchase);
    order->expires_ms = sim_wall_ms() + 20000;
    if (perhaps(buyer, 20)) {
        struct buyer *too = copy_of(buyer);
        snprintf(too->order.id, sizeof(too->order.id), "o_%" PRIu64 "_too", buyer->id);
        sim_spawn(NULL, post_too, too);
    }
    return post(buyer, "first");
}

static bool is_open(const struct book_order *order)
{
    return order->status == ORDER_PENDING_PAYMENT || order->status == ORDER_CONFIRMING ||
           order->status == ORDER_REFUNDING;
}

/* Repeats a request until it is answered, or gives up. Each does what one statement does. */
static void request(struct buyer *buyer, bool (*act)(struct buyer *buyer))
{
    for (unsigned try = 0; try < TRIES; try++) {
        bool reached = book_reaches(), began = reached && act(buyer);
        if (book_answers() && reached) {
            if (began)
                adapters_nudge();
            return;
        }
        rest(buyer, 2 * SIM_S);
    }
}

static bool act_read(struct buyer *buyer)
{
    buyer->seen = *book_read(buyer->seen.id);
    return false;
}

static bool act_cancel(struct buyer *buyer)
{
    return book_cancel(buyer->seen.id, adapter_def(CHECKOUT_SALE)->pivot);
}

static bool act_hint(struct buyer *buyer)
{
    return book_hint(buyer->seen.id, BANK_KEY);
}

static bool act_invent(struct buyer *buyer)
{
    return book_hint(buyer->seen.id, "invented");
}

static bool act_credit(struct buyer *buyer)
{
    char reason[16];
    snprintf(reason, sizeof(reason), "part %u", buyer->parts);
    return book_credit(buyer->seen.id, adapter_def(CHECKOUT_CREDIT), buyer->seen.amount / 8, reason,
                       false, BOOK_CREDITS_MAX) == NULL;
}

static bool act_refund(struct buyer *buyer)
{
    return book_refund(buyer->seen.id, adapter_def(CHECKOUT_REFUND), 0) == NULL;
}

static void await_end(struct buyer *buyer)
{
    for (unsigned look = 0; look < LOOKS_MAX && is_open(&buyer->seen); look++) {
        rest(buyer, 6 * SIM_S);
        request(buyer, act_read);
    }
}

/* Rests until just before or just after the payment deadline. */
static void rest_until_the_end(struct buyer *buyer, const struct book_order *order)
{
    uint64_t end_us = (order->expires_ms - (uint64_t)SIM_EPOCH_S * 1000) * SIM_MS;
    uint64_t at_us = end_us - 2 * SIM_S + below(buyer, 2500 * SIM_MS);
    if (at_us > sim_us())
        sim_sleep(at_us - sim_us());
}

static void pay(struct buyer *buyer)
{
    const struct book_order *order = &buyer->seen;
    bool late = perhaps(buyer, 25), cancels = perhaps(buyer, 20), leaves = perhaps(buyer, 10);
    for (unsigned look = 0; look < LOOKS_MAX && order->payment[0] == '\0' && is_open(order);
         look++) {
        rest(buyer, SIM_S);
        request(buyer, act_read);
    }
    if (cancels && perhaps(buyer, 50))
        request(buyer, act_cancel);
    if (leaves || order->payment[0] == '\0')
        return;
    if (late)
        rest_until_the_end(buyer, order);
    else
        rest(buyer, 8 * (uint64_t)SIM_S);
    if (bank_hides(order->id) && buyer->seats_len == 1)
        request(buyer, act_invent);
    if (bank_pay(order->payment) && bank_hides(order->id))
        request(buyer, act_hint);
    if (cancels) {
        rest(buyer, perhaps(buyer, 50) ? 2 * SIM_S : 300 * SIM_MS);
        request(buyer, act_cancel);
    }
}

static void be_done(struct buyer *buyer)
{
    if (buyer->guest != NULL)
        buyer->guest->done = true;
}

/* Pays, and later hands on, uses or gives back the tickets. */
static void have(struct buyer *buyer, const struct book_order *made)
{
    char ticket[24];
    buyer->seen = *made;
    pay(buyer);
    be_done(buyer); /* the saga does the rest */
    await_end(buyer);
    rest(buyer, 20 * (uint64_t)SIM_S);
    snprintf(ticket, sizeof(ticket), "t_handed_%" PRIu64, buyer->id);
    if (perhaps(buyer, 20))
        book_hand_on(made->id, ticket);
    buyer->parts = perhaps(buyer, 20) ? (unsigned)below(buyer, BOOK_CREDITS_MAX) + 1 : 0;
    for (; buyer->parts > 0; buyer->parts--) {
        request(buyer, act_credit);
        rest(buyer, 10 * SIM_S);
    }
    if (perhaps(buyer, 50))
        rest(buyer, 60 * (uint64_t)SIM_S);
    if (perhaps(buyer, 20))
        book_visit(made->id);
    if (perhaps(buyer, 25))
        request(buyer, act_refund);
    request(buyer, act_read);
    await_end(buyer);
}

static void visit(void *ctx)
{
    struct buyer *buyer = ctx;
    sim_sleep(buyer->comes_us);
    bool holds = hold(buyer);
    if (holds && perhaps(buyer, 20))
        holds = change(buyer);
    if (holds && perhaps(buyer, 10)) {
        (void)seat_ask(call_of(buyer, SEAT_RELEASE));
        holds = perhaps(buyer, 20); /* a few order a released hold anyway */
    }
    if (holds && !perhaps(buyer, 10)) {
        rest(buyer, perhaps(buyer, 10) ? 40 * (uint64_t)SIM_S : 5 * (uint64_t)SIM_S);
        const struct book_order *made = order(buyer);
        if (made != NULL)
            have(buyer, made);
    }
    be_done(buyer);
    left -= 1;
}

/* A step of an order that is paid elsewhere; it is tried until it is answered. */
static bool order_at(struct buyer *buyer, enum seat_op op)
{
    for (;;) {
        struct seat_call *call = call_of(buyer, op);
        snprintf(call->order, sizeof(call->order), "b_%" PRIu64, buyer->id);
        seats_price(buyer->event, buyer->seats, buyer->seats_len, call->digest);
        enum seat_answer answer = seat_ask(call);
        if (answer == SEAT_DONE || (answer == SEAT_REFUSED && !call->from_memory))
            return answer == SEAT_DONE;
        rest(buyer, 4 * SIM_S);
    }
}

/* At the ball: the same calls of the seats, without a saga. */
static void visit_ball(void *ctx)
{
    struct buyer *buyer = ctx;
    sim_sleep(buyer->comes_us);
    bool holds = hold(buyer) && (perhaps(buyer, 80) || change(buyer));
    rest(buyer, 5 * SIM_S);
    if (holds && perhaps(buyer, 10))
        (void)seat_ask(call_of(buyer, SEAT_RELEASE));
    else if (holds && perhaps(buyer, 60) && order_at(buyer, SEAT_EXTEND)) {
        rest(buyer, perhaps(buyer, 20) ? 40 * (uint64_t)SIM_S : 5 * SIM_S);
        if (!order_at(buyer, SEAT_CONFIRM) || perhaps(buyer, 30))
            (void)order_at(buyer, perhaps(buyer, 50) ? SEAT_REFUND : SEAT_ORDER_RELEASE);
    }
    left -= 1;
}

/* The same buyer's second window, which does not learn that the visit is over. */
static void look_on(void *ctx)
{
    struct buyer *window = ctx;
    for (unsigned look = 0; look < WINDOW_LOOKS; look++) {
        rest(window, 12 * (uint64_t)SIM_S);
        if (hold(window))
            (void)seat_ask(call_of(window, SEAT_RELEASE));
    }
    left -= 1;
}

static struct buyer *begin(unsigned event, uint64_t comes_us, struct guest *guest)
{
    static uint64_t ids;
    struct buyer *buyer = sim_new(sizeof(*buyer));
    buyer->event = event;
    buyer->id = ++ids;
    buyer->comes_us = comes_us;
    buyer->guest = guest;
    rng_seeded_init(&buyer->dice, sim_below(SIM_CHOICES, UINT64_MAX));
    left += 1;
    sim_spawn(NULL, event == GALA ? visit : visit_ball, buyer);
    return buyer;
}

void buyers_come(struct guest *guest)
{
    struct buyer *buyer = begin(GALA, 0, guest);
    if (perhaps(buyer, 25))
        sim_spawn(NULL, look_on, copy_of(buyer));
}

void buyers_begin(unsigned event, uint32_t len, uint64_t within_us)
{
    for (uint32_t i = 0; i < len; i++)
        (void)begin(event, sim_below(SIM_CHOICES, within_us), NULL);
}

bool buyers_gone(void)
{
    return left == 0;
}
