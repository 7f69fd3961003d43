/* books.c: see books.h. */
#include "books.h"

#include "invariants.h"
#include "stage/faults.h"
#include "stage/history.h"
#include "stage/probes.h"
#include "stored_saga.h"

#include "saga/cancellations.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAGAS_MAX = 2 * BOOK_ORDERS_MAX,
    LETTERS_MAX = 4 * BOOK_ORDERS_MAX,
    TICKETS_MAX = 4 * BOOK_ORDERS_MAX,
    LEASE_US = BOOK_LEASE_MS * SIM_MS,
    TRIES_MAX = 2000, /* tries of one saga, over all steps: one per half second within an hour */
};

struct letter {
    const struct book_order *order;
    char kind[16];
    bool delivered; /* as the sender knows; the shop may have it earlier */
    bool at_shop;
};

struct book_ticket {
    char id[TICKET_ID_MAX], seat[ORDER_SEAT_MAX];
    const struct book_order *order;
    bool revoked, used;
};

static struct {
    struct book_order orders[BOOK_ORDERS_MAX];
    uint32_t orders_len;
    struct stored_saga sagas[SAGAS_MAX];
    uint32_t sagas_len;
    struct letter letters[LETTERS_MAX];
    uint32_t letters_len;
    struct book_ticket tickets[TICKETS_MAX]; /* in the order of their ids */
    uint32_t tickets_len;
    struct letter postponed[LETTERS_MAX]; /* mails about a new date */
    uint32_t postponed_len;
    unsigned percent;
    struct {
        bool off, ended;
        uint64_t off_us, due_us; /* time of cancellation; next look at its orders */
        char passed[ORDER_ID_MAX];
        uint32_t times; /* how often the event was postponed */
        uint64_t date, moved_us, until_us;
    } event;
} books = {.percent = 100};

/* ---- rows ---- */

static struct book_order *order_of(const char *id)
{
    for (uint32_t i = books.orders_len; i > 0; i--)
        if (strcmp(books.orders[i - 1].id, id) == 0)
            return &books.orders[i - 1];
    return NULL;
}

const struct book_order *book_read(const char *id)
{
    return order_of(id);
}

static struct stored_saga *saga_of(uint64_t id)
{
    assert(id >= 1);
    assert(id <= books.sagas_len);
    return &books.sagas[id - 1];
}

static void begin_saga(const struct saga_def *def, const char *order, const char *data)
{
    assert(books.sagas_len < SAGAS_MAX);
    struct stored_saga *saga = &books.sagas[books.sagas_len++];
    saga->id = books.sagas_len;
    saga->due_us = saga->step_us = sim_us();
    assert(strlen(data) < sizeof(saga->data));
    strcpy(saga->data, data);
    snprintf(saga->key, sizeof(saga->key), "%s", def->key);
    snprintf(saga->order, sizeof(saga->order), "%s", order);
}

static bool is_without_hold(const char *cause)
{
    return strcmp(cause, ORDER_CAUSE_BUYER_LIMIT) == 0 ||
           strcmp(cause, ORDER_CAUSE_PURCHASE_DIFFERS) == 0;
}

static const struct book_order *order_with_hold(uint64_t hold)
{
    for (uint32_t i = 0; i < books.orders_len; i++)
        if (books.orders[i].hold == hold && !is_without_hold(books.orders[i].cause))
            return &books.orders[i];
    return NULL;
}

const struct book_order *book_made(uint64_t buyer, const char *key, uint64_t hold)
{
    for (uint32_t i = 0; i < books.orders_len; i++)
        if (books.orders[i].buyer == buyer && strcmp(books.orders[i].key, key) == 0)
            return &books.orders[i];
    return order_with_hold(hold);
}

bool book_order(const struct order *order, const char *key, uint64_t hold, uint64_t buyer,
                const struct saga_def *def)
{
    if (books.event.off || book_made(buyer, key, hold) != NULL)
        return false;
    assert(books.orders_len < BOOK_ORDERS_MAX);
    struct book_order *row = &books.orders[books.orders_len++];
    snprintf(row->id, sizeof(row->id), "%s", order->id);
    snprintf(row->key, sizeof(row->key), "%s", key);
    row->hold = hold;
    row->amount = order->amount;
    row->buyer = buyer;
    row->status = ORDER_PENDING_PAYMENT;
    row->expires_ms = order->expires_ms;
    row->made_us = sim_us();
    invariant_ordered(row->id, hold, row->amount);
    char *data;
    int rc = order_dump(order, NULL, &data);
    assert(rc == 0);
    begin_saga(def, row->id, data);
    free(data);
    sim_note("%s is ordered, of hold %" PRIx64, row->id, hold);
    return true;
}

static struct stored_saga *checkout_of(const char *order)
{
    for (uint32_t i = 0; i < books.sagas_len; i++)
        if (strcmp(books.sagas[i].order, order) == 0 &&
            strncmp(books.sagas[i].key, "checkout.", 9) == 0)
            return &books.sagas[i];
    return NULL;
}

bool book_wake(const char *id)
{
    bool woken = false;
    for (uint32_t i = 0; i < books.sagas_len; i++) {
        struct stored_saga *saga = &books.sagas[i];
        if (strcmp(saga->order, id) != 0 || saga_ended(saga->state) || saga->parked)
            continue;
        stored_saga_wake(saga, sim_us());
        woken = true;
    }
    return woken;
}

bool book_hint(const char *id, const char *key)
{
    static struct order order; /* too big for the stack */
    struct stored_saga *saga = checkout_of(id);
    char *data;
    if (saga == NULL || order_of(id)->status != ORDER_PENDING_PAYMENT ||
        saga->state != SAGA_RUNNING)
        return false;
    int rc = order_parse(span_of(saga->data), NULL, &order);
    assert(rc == 0);
    if (strcmp(order.payment_key, key) == 0)
        return false;
    snprintf(order.payment_key, sizeof(order.payment_key), "%s", key);
    rc = order_dump(&order, NULL, &data);
    assert(rc == 0);
    snprintf(saga->data, sizeof(saga->data), "%s", data);
    free(data);
    stored_saga_wake(saga, sim_us());
    sim_note("%s gets the key %s", id, key);
    return true;
}

bool book_cancel(const char *id, uint8_t pivot)
{
    struct stored_saga *saga = checkout_of(id);
    if (saga == NULL || saga->state != SAGA_RUNNING || saga->step >= pivot || saga->parked)
        return false;
    saga->cancel = true;
    stored_saga_wake(saga, sim_us());
    sim_note("%s is cancelled", id);
    return true;
}

static void add_letter(const char *order, const char *kind)
{
    struct book_order *row = order_of(order);
    for (uint32_t i = 0; i < books.letters_len; i++)
        if (books.letters[i].order == row && strcmp(books.letters[i].kind, kind) == 0)
            return;
    assert(books.letters_len < LETTERS_MAX);
    struct letter *letter = &books.letters[books.letters_len++];
    letter->order = row;
    snprintf(letter->kind, sizeof(letter->kind), "%s", kind);
}

/* A refund has idempotency keys of its own. */
static void begin_refund(const struct saga_def *def, const struct book_order *row, uint64_t refund,
                         uint32_t credit)
{
    static struct order order, other; /* too big for the stack */
    uint32_t round = 0;
    char *data, whole[sizeof(books.sagas[0].data)];
    for (uint32_t i = 0; i < books.sagas_len; i++) {
        int rc = order_parse(span_of(books.sagas[i].data), NULL, &other);
        assert(rc == 0);
        if (strcmp(books.sagas[i].order, row->id) == 0 && other.key_round > round)
            round = other.key_round;
    }
    int rc = order_parse(span_of(checkout_of(row->id)->data), NULL, &order);
    assert(rc == 0);
    order.refund = refund;
    order.credit = credit;
    order.key_round = round + 1;
    rc = order_dump(&order, NULL, &data);
    assert(rc == 0);
    snprintf(whole, sizeof(whole), "%.*s,\"move\":%u,\"kept\":1,\"moves\":[]}",
             (int)strlen(data) - 1, data, credit);
    begin_saga(def, row->id, credit > 0 ? whole : data);
    free(data);
}

static void add_letter_before(const struct book_order *order)
{
    if (order->status == ORDER_REFUNDING || order->moving)
        add_letter(order->id, LETTER_COMPLETED);
}

static bool is_used(const struct book_order *order)
{
    for (uint32_t i = 0; i < books.tickets_len; i++)
        if (books.tickets[i].order == order && books.tickets[i].used)
            return true;
    return false;
}

static const char *why_no_refund(const struct book_order *order, bool by_buyer)
{
    if (order->status != ORDER_COMPLETED || order->moving || is_used(order))
        return "not-refundable";
    return by_buyer && books.event.off ? "event-cancelled" : NULL;
}

const char *book_refund(const char *id, const struct saga_def *def, unsigned percent)
{
    struct book_order *order = order_of(id);
    if (order == NULL)
        return NULL;
    const char *why = why_no_refund(order, percent == 0);
    bool another_date = books.event.moved_us > order->made_us && books.event.until_us > sim_us();
    if (percent == 0)
        percent = another_date ? 100 : books.percent;
    if (why == NULL) {
        uint64_t part = (order->amount - order->back) * percent / 100;
        uint64_t back = order->back + (part > 0 ? part : 1);
        order->status = ORDER_REFUNDING;
        order->back = back < order->amount ? back : order->amount;
        order->gives_back = true;
        begin_refund(def, order, order->back, 0);
        sim_note("%s is to be refunded", id);
    }
    add_letter_before(order);
    return why;
}

static bool has_credit(const struct book_order *order, uint64_t amount, const char *reason)
{
    for (uint32_t i = 0; i < order->credits_len; i++)
        if (order->credits[i].amount == amount && strcmp(order->credits[i].reason, reason) == 0)
            return true;
    return false;
}

static const char *why_no_credit(const struct book_order *order, uint64_t amount,
                                 const char *reason, bool free, uint32_t most)
{
    if ((order->status != ORDER_COMPLETED && (free || order->status != ORDER_REFUNDED)) ||
        order->moving)
        return "not-refundable";
    if (has_credit(order, amount, reason))
        return "refunded-before";
    if (order->back + amount > order->amount)
        return "refund-too-large";
    return order->credits_len >= most ? "too-many-refunds" : NULL;
}

const char *book_credit(const char *id, const struct saga_def *def, uint64_t amount,
                        const char *reason, bool free, uint32_t most)
{
    struct book_order *order = order_of(id);
    assert(most <= BOOK_CREDITS_MAX + 1);
    if (order == NULL)
        return NULL;
    const char *why = why_no_credit(order, amount, reason, free, most);
    if (why == NULL) {
        order->moving = order->gives_back = true;
        order->back += amount;
        struct book_credit *credit = &order->credits[order->credits_len++];
        *credit = (struct book_credit){.number = order->moves + 1, .amount = amount};
        snprintf(credit->reason, sizeof(credit->reason), "%s", reason);
        invariant_credited(id, order->back);
        begin_refund(def, order, order->back, credit->number);
        sim_note("a part of %s is to be refunded", id);
    }
    add_letter_before(order);
    return why;
}

/* Both of the operator's statements take the saga from its holder. */
static void take_over(struct stored_saga *saga)
{
    saga->parked = false;
    saga->leased = false;
    saga->due_us = saga->step_us = sim_us();
    saga->wake += 1;
    saga->token += 1;
    saga->moves += 1;
    saga->tries = 0;
}

bool book_turn_back(uint64_t id, const struct saga_def *def, uint8_t undo, uint32_t moves)
{
    struct stored_saga *saga = saga_of(id);
    if (saga->state != SAGA_RUNNING || saga->step > def->pivot || saga->moves != moves ||
        saga->leased || (saga->step == def->pivot && !saga->parked && saga->tries > 0))
        return false;
    struct book_order *order = order_of(saga->order);
    sim_note("the operator turns saga %" PRIu64 " of %s back", saga->id, saga->order);
    invariant_operated(saga->order);
    take_over(saga);
    saga->cancel = false;
    saga->state = SAGA_UNDOING;
    saga->step = undo;
    order->status = ORDER_FAILED;
    snprintf(saga->cause, sizeof(saga->cause), "operator");
    snprintf(order->cause, sizeof(order->cause), "operator");
    return true;
}

bool book_retry(uint64_t id, enum order_status status, uint32_t moves)
{
    struct stored_saga *saga = saga_of(id);
    struct book_order *order = order_of(saga->order);
    if (saga_ended(saga->state) || saga->moves != moves)
        return false;
    sim_note("the operator retries saga %" PRIu64 " of %s", saga->id, saga->order);
    const uint32_t tries = saga->parked ? 0 : saga->tries;
    take_over(saga);
    saga->tries = tries;
    if (saga->state == SAGA_RUNNING)
        saga->cause[0] = '\0';
    for (uint32_t i = (uint32_t)id; i < books.sagas_len; i++)
        if (strcmp(books.sagas[i].order, saga->order) == 0)
            return true; /* only the newest saga sets the order's status */
    if (order->status != ORDER_PARKED)
        return true;
    order->status = status;
    snprintf(order->cause, sizeof(order->cause), "%s", saga->cause);
    return true;
}

void book_operate(const struct checkout *checkout, bool turns)
{
    uint32_t from = (uint32_t)sim_below(SIM_CHOICES, books.sagas_len + 1);
    for (uint32_t i = from; i < books.sagas_len; i++) {
        const struct stored_saga *saga = &books.sagas[i];
        const struct saga_def *def = checkout_find(checkout, span_of(saga->key));
        if (saga_ended(saga->state))
            continue;
        int undo = saga->step <= def->pivot ? saga_undo_step(def, saga->step) : -1;
        if (!turns)
            book_retry(saga->id, checkout_status(def, saga->state, saga->step, false, saga->cause),
                       saga->moves);
        else if (undo >= 0 && checkout_kind(def) == CHECKOUT_SALE)
            book_turn_back(saga->id, def, (uint8_t)undo, saga->moves);
        return;
    }
}

/* ---- leasing ---- */

struct lease {
    struct book_client *client;
    uint32_t max;
    bool is_after_loss;
    struct saga_held held;
    struct saga_row *rows;
    uint32_t len;
    bool failed;
};

static void lease_answered(void *ctx)
{
    struct lease *lease = ctx;
    uint64_t now_us = sim_us();
    for (uint32_t i = 0; i < lease->len; i++) {
        lease->rows[i].step_us = (int64_t)now_us - lease->rows[i].step_us; /* was its age */
        lease->rows[i].lease_us = now_us + LEASE_US;
    }
    saga_engine_on_leased(lease->client->engine, lease->failed ? NULL : lease->rows,
                          lease->failed ? 0 : lease->len);
    lease->client->answered(lease->client->ctx);
}

static bool is_held(const struct saga_held *held, const struct stored_saga *saga)
{
    for (uint32_t i = 0; held != NULL && i < held->len; i++)
        if (held->ids[i] == saga->id && held->tokens[i] == saga->token)
            return true;
    return false;
}

static void reclaim(const char *owner, const struct saga_held *held)
{
    for (uint32_t i = 0; i < books.sagas_len; i++) {
        struct stored_saga *saga = &books.sagas[i];
        if (saga_ended(saga->state) || saga->parked || !saga->leased ||
            strcmp(saga->owner, owner) != 0 || is_held(held, saga))
            continue;
        saga->token += 1;
        saga->leased = false;
        saga->due_us = sim_us();
    }
}

uint32_t book_lease_now(const char *owner, const struct checkout *checkout,
                        const struct saga_held *held, uint32_t max, struct saga_row *rows)
{
    uint32_t len = 0;
    if (held != NULL)
        reclaim(owner, held);
    for (uint32_t i = 0; i < books.sagas_len && len < max; i++) {
        struct stored_saga *saga = &books.sagas[i];
        const struct saga_def *def = checkout_find(checkout, span_of(saga->key));
        assert(def != NULL);
        struct saga_row *row = &rows[len];
        if (!stored_saga_lease(saga, def, sim_us(), LEASE_US, row))
            continue;
        len += 1;
        saga->owner = owner;
        row->step_us = (int64_t)sim_us() - row->step_us; /* sent as its age */
        row->data = span_of(strdup(saga->data));
    }
    return len;
}

uint64_t book_way_us(void)
{
    return fault_now(FAULT_BOOK_SLOW) ? sim_between(0, 8 * SIM_S) : sim_between(50, 800);
}

bool book_reaches(void)
{
    sim_sleep(book_way_us());
    return !fault_now(FAULT_BOOK_FAILS);
}

bool book_answers(void)
{
    sim_sleep(book_way_us());
    return !fault_now(FAULT_BOOK_LOST);
}

static void lease_now(void *ctx)
{
    struct lease *lease = ctx;
    const struct book_client *client = lease->client;
    lease->failed = fault_now(FAULT_BOOK_FAILS);
    if (!lease->failed)
        lease->len =
            book_lease_now(client->owner, client->checkout,
                           lease->is_after_loss ? &lease->held : NULL, lease->max, lease->rows);
    lease->failed = lease->failed || fault_now(FAULT_BOOK_LOST);
    sim_after(lease->client->proc, book_way_us(), lease_answered, lease);
}

void book_lease(struct book_client *client, uint32_t max, const struct saga_held *held)
{
    struct lease *lease = sim_new(sizeof(*lease));
    lease->client = client;
    lease->max = max;
    lease->rows = sim_new(max * sizeof(*lease->rows));
    lease->is_after_loss = held != NULL;
    if (held != NULL) {
        size_t bytes = held->len * sizeof(*held->ids);
        lease->held = (struct saga_held){sim_copy(held->ids, bytes), sim_copy(held->tokens, bytes),
                                         held->len};
    }
    sim_after(NULL, book_way_us(), lease_now, lease);
}

void book_reclaim(const char *owner)
{
    reclaim(owner, NULL);
}

/* ---- effects ---- */

static void text_of(const json_t *effect, const char *key, char *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(effect, key));
    snprintf(out, cap, "%s", text != NULL ? text : "");
}

/* Unique as in the table: the id, and the seat among the valid tickets of the one event. */
static bool add_ticket(const struct book_order *order, const char *id, const char *seat)
{
    uint32_t at = books.tickets_len;
    for (uint32_t i = books.tickets_len; i > 0; i--) {
        const struct book_ticket *other = &books.tickets[i - 1];
        if (strcmp(other->id, id) == 0 || (!other->revoked && strcmp(other->seat, seat) == 0))
            return false;
        at = strcmp(other->id, id) > 0 ? i - 1 : at;
    }
    assert(books.tickets_len < TICKETS_MAX);
    struct book_ticket *ticket = &books.tickets[at];
    memmove(ticket + 1, ticket, (books.tickets_len++ - at) * sizeof(*ticket));
    *ticket = (struct book_ticket){.order = order};
    snprintf(ticket->id, sizeof(ticket->id), "%s", id);
    snprintf(ticket->seat, sizeof(ticket->seat), "%s", seat);
    return true;
}

static uint32_t nth_of(const char *seat)
{
    return (uint32_t)strtoul(seat + 1, NULL, 10);
}

static void do_effect(const struct stored_saga *saga, enum effect kind, const json_t *effect)
{
    char id[ORDER_ID_MAX], word[ORDER_SEAT_MAX];
    text_of(effect, "order", id, sizeof(id));
    struct book_order *order = order_of(id);
    assert(order != NULL);
    switch (kind) {
    case EFFECT_STATUS:
        if ((order->status == ORDER_REFUNDING || order->status == ORDER_REFUNDED) &&
            strncmp(saga->key, "checkout.", 9) == 0)
            return;
        text_of(effect, "status", word, sizeof(word));
        order->status = order_status_parse(span_of(word));
        text_of(effect, "cause", order->cause, sizeof(order->cause));
        sim_note("%s is %s %s", id, word, order->cause);
        return;
    case EFFECT_PAYMENT:
        text_of(effect, "payment", order->payment, sizeof(order->payment));
        return;
    case EFFECT_EXPIRY:
        order->expires_ms = (uint64_t)json_integer_value(json_object_get(effect, "expires_ms"));
        return;
    case EFFECT_TICKET: {
        char ticket[TICKET_ID_MAX];
        text_of(effect, "ticket", ticket, sizeof(ticket));
        text_of(effect, "seat", word, sizeof(word));
        if (add_ticket(order, ticket, word))
            invariant_ticket(ticket, order->id, nth_of(word));
        return;
    }
    case EFFECT_REVOKE:
        for (uint32_t i = 0; i < books.tickets_len; i++)
            books.tickets[i].revoked = books.tickets[i].revoked || books.tickets[i].order == order;
        invariant_revoked(id);
        return;
    case EFFECT_MOVE_END: {
        uint32_t number = (uint32_t)json_integer_value(json_object_get(effect, "number"));
        if (order->moves >= number)
            return;
        order->moves = number;
        order->moving = false;
        return;
    }
    case EFFECT_SHOP:
        text_of(effect, "kind", word, sizeof(word));
        add_letter(id, word);
        return;
    default:
        return; /* mails change neither seats nor money */
    }
}

static void do_effects(const struct saga_move *move, enum effect wanted)
{
    uint32_t at = 0;
    uint8_t kind;
    struct span json;
    while (move->effects != NULL && saga_effects_next(move->effects, &at, &kind, &json)) {
        if (kind != wanted)
            continue;
        json_t *effect = json_loadb(json.ptr, json.len, 0, NULL);
        assert(effect != NULL);
        do_effect(saga_of(move->id), wanted, effect);
        json_decref(effect);
    }
}

/* ---- commits ---- */

/* Copies of the moves and their payloads: they may take effect after their engine died. */
struct commit {
    struct book_client *client;
    uint32_t len;
    struct saga_move *moves;
    struct saga_store_reply *replies;
    bool failed;
};

static void on_moved(const struct stored_saga *saga, const struct saga_move *move)
{
    if (move->mark == SAGA_MARK_SKIPPED)
        probe_reached(PROBE_SKIPPED);
    if (move->state == SAGA_UNDONE)
        probe_reached(PROBE_UNDONE);
    sim_note("saga %" PRIu64 " of %s: step %u %s%s %s, then %s %u%s", saga->id, saga->order,
             move->at_step, move->way == SAGA_UNDO ? "back " : "", saga_mark_name(move->mark),
             move->code, saga_state_name(move->state), move->step, move->parked ? ", parked" : "");
    if (saga->moves > TRIES_MAX)
        invariant_broken(INVARIANT_5, "saga %" PRIu64 " of %s moved %u times", saga->id,
                         saga->order, saga->moves);
}

/* Effects of all stored moves, new or repeated, run as one statement per kind. */
void book_commit_now(const struct saga_move *moves, uint32_t len, struct saga_store_reply *replies)
{
    for (uint32_t i = 0; i < len; i++) {
        struct stored_saga *saga = saga_of(moves[i].id);
        struct saga_store_reply *reply = &replies[i];
        if (stored_saga_move(saga, &moves[i], sim_us(), LEASE_US, reply))
            on_moved(saga, &moves[i]);
        else
            probe_reached(reply->stored == SAGA_STORED ? PROBE_MOVE_AGAIN : PROBE_MOVE_FENCED);
        reply->lease_us -= reply->lease_us > sim_us() ? sim_us() : reply->lease_us; /* time left */
    }
    for (int kind = 0; kind < EFFECT_COUNT; kind++)
        for (uint32_t i = 0; i < len; i++)
            if (replies[i].stored == SAGA_STORED)
                do_effects(&moves[i], (enum effect)kind);
}

static void commit_answered(void *ctx)
{
    struct commit *commit = ctx;
    for (uint32_t i = 0; i < commit->len; i++)
        commit->replies[i].lease_us += sim_us();
    saga_engine_on_committed(commit->client->engine, !commit->failed,
                             commit->failed ? NULL : commit->replies);
    commit->client->answered(commit->client->ctx);
}

static void commit_now(void *ctx)
{
    struct commit *commit = ctx;
    commit->failed = fault_now(FAULT_BOOK_FAILS);
    if (!commit->failed)
        book_commit_now(commit->moves, commit->len, commit->replies);
    commit->failed = commit->failed || fault_now(FAULT_BOOK_LOST);
    sim_after(commit->client->proc, book_way_us(), commit_answered, commit);
}

static void copy_effects(struct saga_move *move)
{
    if (move->effects == NULL)
        return;
    struct saga_effects *effects = sim_copy(move->effects, sizeof(*effects));
    effects->bytes = sim_copy(effects->bytes, effects->len);
    move->effects = effects;
}

void book_commit(struct book_client *client, const struct saga_move *const *moves, uint32_t len)
{
    struct commit *commit = sim_new(sizeof(*commit));
    commit->client = client;
    commit->len = len;
    commit->moves = sim_new(len * sizeof(*commit->moves));
    commit->replies = sim_new(len * sizeof(*commit->replies));
    for (uint32_t i = 0; i < len; i++) {
        struct saga_move *move = &commit->moves[i];
        *move = *moves[i];
        if (move->data.ptr != NULL)
            move->data.ptr = strndup(move->data.ptr, move->data.len);
        copy_effects(move);
    }
    sim_after(NULL, book_way_us(), commit_now, commit);
}

/* ---- the event ---- */

void books_terms(unsigned percent)
{
    books.percent = percent;
}

/* Both also work during a partial refund: a ticket closes only if its own seat is given back. */
bool book_use(const char *id)
{
    for (uint32_t i = 0; i < books.tickets_len; i++) {
        struct book_ticket *ticket = &books.tickets[i];
        if (strcmp(ticket->id, id) != 0 || ticket->revoked || ticket->used || books.event.off ||
            ticket->order->status != ORDER_COMPLETED)
            continue;
        ticket->used = true;
        invariant_used(ticket->order->id);
        return true;
    }
    return false;
}

void book_visit(const char *id)
{
    const struct book_order *order = order_of(id);
    for (uint32_t i = 0; i < books.tickets_len; i++)
        if (books.tickets[i].order == order)
            (void)book_use(books.tickets[i].id);
}

void book_hand_on(const char *id, const char *new_id)
{
    const struct book_order *order = order_of(id);
    for (uint32_t i = 0; i < books.tickets_len; i++) {
        struct book_ticket *old = &books.tickets[i];
        if (old->order != order || old->revoked || old->used || order->status != ORDER_COMPLETED)
            continue;
        char seat[ORDER_SEAT_MAX];
        memcpy(seat, old->seat, sizeof(seat)); /* adding a ticket moves the rows */
        old->revoked = true;
        if (add_ticket(order, new_id, seat))
            invariant_handed_on(new_id, id, nth_of(seat));
        sim_note("a ticket of %s is handed on", id);
        return;
    }
}

static uint32_t good_tickets(const struct book_order *order, bool used_too)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < books.tickets_len; i++)
        n += books.tickets[i].order == order && !books.tickets[i].revoked &&
             (used_too || !books.tickets[i].used);
    return n;
}

void book_postpone(uint64_t date, uint64_t until_us)
{
    if (books.event.off)
        return;
    books.event.until_us = until_us;
    if (books.event.times > 0 && books.event.date == date)
        return;
    books.event.times += 1;
    books.event.date = date;
    books.event.moved_us = sim_us();
    sim_note("the event has another date");
    for (uint32_t i = 0; i < books.orders_len; i++) {
        const struct book_order *order = &books.orders[i];
        if (order->status != ORDER_COMPLETED || good_tickets(order, true) == 0)
            continue;
        assert(books.postponed_len < LETTERS_MAX);
        struct letter *mail = &books.postponed[books.postponed_len++];
        mail->order = order;
        snprintf(mail->kind, sizeof(mail->kind), "postponed-%u", books.event.times);
    }
}

void book_call_off(void)
{
    if (books.event.off)
        return;
    books.event.off = true;
    books.event.off_us = books.event.due_us = sim_us();
    invariant_called_off();
    sim_note("the event is cancelled");
}

bool book_is_off(void)
{
    return books.event.off;
}

static bool is_given_back(const struct book_order *order)
{
    switch (order->status) {
    case ORDER_CANCELLED:
    case ORDER_EXPIRED:
    case ORDER_FAILED:
    case ORDER_REFUNDED:
        return true;
    case ORDER_COMPLETED:
        return !order->moving && order->back == order->amount && good_tickets(order, false) == 0;
    default:
        return false;
    }
}

static const struct book_order *to_give_back(const char *passed)
{
    const struct book_order *next = NULL;
    for (uint32_t i = 0; i < books.orders_len; i++) {
        const struct book_order *order = &books.orders[i];
        if (strcmp(order->id, passed) > 0 && !is_given_back(order) &&
            (next == NULL || strcmp(order->id, next->id) < 0))
            next = order;
    }
    return next;
}

static uint32_t refunds_under_way(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < books.sagas_len; i++) {
        const struct stored_saga *saga = &books.sagas[i];
        n += !saga_ended(saga->state) && !saga->parked && strncmp(saga->key, "checkout.", 9) != 0;
    }
    return n;
}

void book_page(uint32_t most, uint32_t room, uint64_t lease_us, struct deals_page *out)
{
    assert(most <= DEALS_PAGE_MAX);
    out->len = 0;
    out->found = books.event.off && !books.event.ended && books.event.due_us <= sim_us();
    if (!out->found)
        return;
    uint32_t open = refunds_under_way(), left = open < room ? room - open : 0;
    out->most = most < left ? most : left;
    books.event.due_us = sim_us() + (out->most > 0 ? lease_us : SIM_S);
    const struct book_order *order = to_give_back(books.event.passed);
    for (; order != NULL && out->len < out->most; order = to_give_back(order->id)) {
        struct deals_due *due = &out->orders[out->len++];
        *due = (struct deals_due){.status = order->status,
                                  .moving = order->moving,
                                  .used = is_used(order),
                                  .amount = order->amount - order->back};
        memcpy(due->order, order->id, sizeof(due->order));
    }
}

bool book_passed(const char *order, uint64_t pause_us)
{
    if (!books.event.off || books.event.ended)
        return false;
    snprintf(books.event.passed, sizeof(books.event.passed), "%s", order != NULL ? order : "");
    books.event.due_us = sim_us() + pause_us;
    books.event.ended =
        order == NULL &&
        books.event.off_us + CANCELLATIONS_GROUPS_MS * (uint64_t)(SIM_S / 1000) < sim_us() &&
        to_give_back("") == NULL;
    return books.event.ended;
}

/* ---- the shop ---- */

/* Delivery is in order per buyer, and each buyer here has one order. */
static bool is_due(const struct letter *letter)
{
    for (const struct letter *other = books.letters; other < letter; other++)
        if (!other->delivered && other->order == letter->order)
            return false;
    return !letter->delivered;
}

/* Repeats each letter until a response arrives; the shop detects duplicates by order and kind.
 * Starts with the newest, so each buyer gets one letter per round. */
void books_deliver(void)
{
    for (uint32_t i = books.letters_len; i > 0; i--) {
        struct letter *letter = &books.letters[i - 1];
        if (!is_due(letter) || fault_now(FAULT_BOOK_FAILS))
            continue;
        if (letter->at_shop)
            probe_reached(PROBE_SHOP_AGAIN);
        else
            invariant_delivered(letter->order->id, letter->kind);
        letter->at_shop = true;
        letter->delivered = !fault_now(FAULT_BOOK_LOST);
    }
}

/* ---- the end ---- */

bool books_quiet(void)
{
    if (books.event.off && !books.event.ended)
        return false;
    for (uint32_t i = 0; i < books.sagas_len; i++)
        if (!saga_ended(books.sagas[i].state) && !books.sagas[i].parked)
            return false;
    for (uint32_t i = 0; i < books.letters_len; i++)
        if (!books.letters[i].delivered)
            return false;
    return true;
}

void books_judge(void)
{
    for (uint32_t i = 0; i < books.sagas_len; i++) {
        const struct stored_saga *saga = &books.sagas[i];
        if (!saga_ended(saga->state))
            invariant_broken(INVARIANT_4, "saga %" PRIu64 " of %s %s at step %u: %s", saga->id,
                             saga->order, saga->parked ? "is parked" : "has not ended", saga->step,
                             saga->cause);
    }
    for (uint32_t i = 0; i < books.orders_len; i++) {
        const struct book_order *order = &books.orders[i];
        enum order_status status = order->status;
        history_fact("'fact':'status','order':'%s','status':'%s','amount':%" PRIu64
                     ",'credited':%" PRIu64,
                     order->id, order_status_name(status), order->amount, order->back);
        if (status == ORDER_PENDING_PAYMENT || status == ORDER_CONFIRMING ||
            status == ORDER_REFUNDING || status == ORDER_PARKED)
            invariant_broken(INVARIANT_4, "%s ends as %s", order->id, order_status_name(status));
        invariant_ended(order->id, status == ORDER_COMPLETED  ? INVARIANT_HAS_SEATS
                                   : status == ORDER_REFUNDED ? INVARIANT_GAVE_BACK
                                                              : INVARIANT_HAS_NOTHING);
    }
}

uint64_t book_reported_back(const char *id, const char *kind)
{
    const struct book_order *order = order_of(id);
    uint64_t back = order->gives_back ? order->back : order->amount;
    for (uint32_t i = 0; i < order->credits_len; i++) {
        char word[sizeof(books.letters[0].kind)];
        snprintf(word, sizeof(word), LETTER_CREDITED "-%u", order->credits[i].number);
        if (strcmp(word, kind) == 0)
            return order->credits[i].amount;
        back -= order->credits[i].amount;
    }
    return strcmp(kind, LETTER_REFUNDED) == 0 ? back : 0;
}

void books_print(const char *id)
{
    static struct order data; /* too big for the stack */
    for (uint32_t i = 0; i < books.orders_len; i++) {
        const struct book_order *order = &books.orders[i];
        if (*id != '\0' && strcmp(order->id, id) != 0)
            continue;
        printf("\n %s %s/%s payment=%s expires=%" PRIu64 " back=%" PRIu64 "/%d moving=%d/%u",
               order->id, order_status_name(order->status), order->cause, order->payment,
               order->expires_ms, order->back, order->gives_back, order->moving, order->moves);
        for (uint32_t k = 0; k < order->credits_len; k++)
            printf(" %u:%" PRIu64, order->credits[k].number, order->credits[k].amount);
        for (uint32_t k = 0; k < books.sagas_len; k++) {
            const struct stored_saga *saga = &books.sagas[k];
            if (strcmp(saga->order, order->id) != 0)
                continue;
            int rc = order_parse(span_of(saga->data), NULL, &data);
            assert(rc == 0);
            printf("\n  saga %" PRIu64 " %s %s %u/%s parked=%d cancel=%d tries=%u moves=%u wake=%u"
                   " token=%" PRIu64 "%s%s due=%" PRIu64 " step=%" PRIu64 " done=%x/%x key=%s"
                   " refund=%" PRIu64 "/%u round=%u",
                   saga->id, saga->key, saga_state_name(saga->state), saga->step, saga->cause,
                   saga->parked, saga->cancel, saga->tries, saga->moves, saga->wake, saga->token,
                   saga->leased ? " " : "", saga->leased ? saga->owner : "", saga->due_us,
                   saga->step_us, saga->done[SAGA_DO], saga->done[SAGA_UNDO], data.payment_key,
                   data.refund, data.credit, data.key_round);
        }
        for (uint32_t k = 0; k < books.tickets_len; k++)
            if (books.tickets[k].order == order)
                printf("\n  ticket %s %s revoked=%d used=%d", books.tickets[k].id,
                       books.tickets[k].seat, books.tickets[k].revoked, books.tickets[k].used);
        for (uint32_t k = 0; k < books.letters_len; k++)
            if (books.letters[k].order == order)
                printf("\n  letter %s done=%d", books.letters[k].kind, books.letters[k].delivered);
        for (uint32_t k = 0; k < books.postponed_len; k++)
            if (books.postponed[k].order == order)
                printf("\n  mail %s", books.postponed[k].kind);
    }
    if (*id == '\0' && books.event.off)
        printf("\n event passed=%s due=%" PRIu64 " ended=%d", books.event.passed,
               books.event.due_us, books.event.ended);
}

uint32_t books_orders(void)
{
    return books.orders_len;
}

uint32_t books_completed(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < books.orders_len; i++)
        n += books.orders[i].status == ORDER_COMPLETED || books.orders[i].status == ORDER_REFUNDED;
    return n;
}
