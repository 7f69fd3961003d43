/* invariants.c: a ledger of seats, holds, orders, money, tickets and letters in a few arrays,
 * searched linearly; the worlds are small. Orders, tickets and letters are the gala's.
 *
 * The ledger of seats follows the journal alone: applying the journal's changes in order must never
 * give a seat to two holds. An engine that starts to sell is compared with it, seat by seat. */
#include "invariants.h"

#include "core/time/sale_clock.h"

#include "stage/history.h"
#include "stage/probes.h"
#include "stage/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    SEATS_MAX = 256,
    HOLDS_MAX = 8192,
    ORDERS_MAX = 2048,
    CHANGES_MAX = 1 << 16,
    REFUSED_MAX = 4096,
    WORD_MAX = 80,
    EXPIRY_LATE_MS = 2000, /* as README.md promises */
};

struct seat {
    uint64_t hold; /* 0: free */
    bool sold;
    char ticket[WORD_MAX], ticket_order[WORD_MAX]; /* the valid ticket */
};

struct hold {
    uint64_t id, expires_ms; /* the promised expiry */
    unsigned event;
    bool given_back; /* its order gave it back for good */
    char order[WORD_MAX];
};

struct order {
    char id[WORD_MAX];
    uint64_t hold, amount, captured, refunded, credited;
    bool reserved, operated, used;
    uint32_t completed, refunds, credits, credits_reported; /* letters at the shop */
};

/* What the journal of an event has. */
struct hall {
    struct seat seats[SEATS_MAX];
    struct outcome {
        uint64_t hold, at_ms;
        uint32_t version;
        uint8_t kind;
    } changes[CHANGES_MAX], refused[REFUSED_MAX]; /* their numbers are in `refused_seq` */
    uint64_t changes_len, refused_seq[REFUSED_MAX];
    uint32_t refused_len;
};

static struct {
    uint32_t seats_len; /* in each hall */
    uint64_t price;
    bool undisturbed; /* no fault hits the gala's seats */
    struct hall halls[HALLS];
    struct hold holds[HOLDS_MAX];
    uint32_t holds_len;
    struct order orders[ORDERS_MAX];
    uint32_t orders_len;
    bool off;
} book;

static struct hall *const gala = &book.halls[GALA];

void invariants_begin(uint32_t seats, uint64_t seat_price, bool undisturbed)
{
    assert(seats <= SEATS_MAX);
    book.seats_len = seats;
    book.price = seat_price;
    book.undisturbed = undisturbed;
}

/* ---- the seats ---- */

static struct hold *hold_of(unsigned event, uint64_t id)
{
    for (uint32_t i = book.holds_len; i > 0; i--)
        if (book.holds[i - 1].id == id && book.holds[i - 1].event == event)
            return &book.holds[i - 1];
    if (book.holds_len == HOLDS_MAX)
        invariant_broken(INVARIANT_5, "more than %d holds in so small a world", HOLDS_MAX);
    struct hold *hold = &book.holds[book.holds_len++];
    hold->id = id;
    hold->event = event;
    return hold;
}

static void take(struct hall *hall, const struct change *change, bool sells)
{
    for (uint32_t i = 0; i < change->add_count; i++) {
        assert(change->seats[i] < book.seats_len);
        struct seat *seat = &hall->seats[change->seats[i]];
        if (seat->hold != 0 && (seat->hold != change->hold || !sells || seat->sold))
            invariant_broken(INVARIANT_1,
                             "seat %u is hold %" PRIx64 "'s%s, and is %s for hold %" PRIx64,
                             change->seats[i], seat->hold, seat->sold ? ", sold" : "",
                             change_kind_name(change->kind), change->hold);
        if (sells && seat->ticket[0] != '\0')
            invariant_broken(INVARIANT_1, "seat %u is sold while %s of %s is valid",
                             change->seats[i], seat->ticket, seat->ticket_order);
        seat->hold = change->hold;
        seat->sold = sells;
    }
}

static void give_back(struct hall *hall, const struct change *change)
{
    for (uint32_t i = 0; i < change->remove_count; i++) {
        uint32_t nth = change->seats[change->add_count + i];
        assert(nth < book.seats_len);
        struct seat *seat = &hall->seats[nth];
        if (seat->hold != change->hold)
            invariant_broken(INVARIANT_1,
                             "seat %u is hold %" PRIx64 "'s, and hold %" PRIx64
                             " gives it back (%s)",
                             nth, seat->hold, change->hold, change_kind_name(change->kind));
        if (seat->sold && change->kind != CHANGE_REFUNDED && change->kind != CHANGE_MOVED)
            invariant_broken(INVARIANT_3, "seat %u was sold and is %s", nth,
                             change_kind_name(change->kind));
        if (seat->ticket[0] != '\0')
            invariant_broken(INVARIANT_1, "seat %u is free while %s of %s is valid", nth,
                             seat->ticket, seat->ticket_order);
        seat->hold = 0;
        seat->sold = false;
    }
}

/* No change may be dated later than the server's time plus half of the longest wait for it. */
static void judge_time(const struct change *change)
{
    if (change->at_ms > sim_wall_ms() + SALE_CLOCK_WAIT_MAX_MS / 2 + 2)
        invariant_broken(INVARIANT_3, "%s of hold %" PRIx64 " is of a time %" PRIu64 " ms ahead",
                         change_kind_name(change->kind), change->hold,
                         change->at_ms - sim_wall_ms());
}

static void judge_hold(unsigned event, const struct change *change)
{
    struct hold *hold = hold_of(event, change->hold);
    bool expires = change->kind == CHANGE_EXPIRED || change->kind == CHANGE_LATE;
    judge_time(change);
    if (expires && change->at_ms < hold->expires_ms)
        invariant_broken(INVARIANT_3, "hold %" PRIx64 " expires %" PRIu64 " ms too early",
                         change->hold, hold->expires_ms - change->at_ms);
    if (book.undisturbed && event == GALA && change->kind == CHANGE_EXPIRED &&
        sim_wall_ms() > hold->expires_ms + EXPIRY_LATE_MS)
        invariant_broken(INVARIANT_4, "hold %" PRIx64 " expires %" PRIu64 " ms too late",
                         change->hold, sim_wall_ms() - hold->expires_ms);
    if (change->kind == CHANGE_TAKEN || change->kind == CHANGE_EXTENDED)
        hold->expires_ms = change->expires_ms;
    bool takes_on = change->kind == CHANGE_EXTENDED || change->kind == CHANGE_CONFIRMED;
    if (takes_on && hold->given_back)
        invariant_broken(INVARIANT_2, "hold %" PRIx64 " was given back by %s, and is %s for %s",
                         change->hold, hold->order, change_kind_name(change->kind), change->text);
    if (takes_on && (change->text[0] == 'b') != (event == BALL))
        invariant_broken(INVARIANT_1, "%s is in the books of another event", change->text);
    if (takes_on)
        snprintf(hold->order, sizeof(hold->order), "%s", change->text);
    bool by_order = change->kind == CHANGE_RELEASED || change->kind == CHANGE_REFUNDED ||
                    change->kind == CHANGE_FORGOTTEN;
    if (by_order && change->text_len > 0)
        hold->given_back = true;
}

static struct outcome outcome_of(const struct change *change)
{
    return (struct outcome){change->hold, change->at_ms, change->hold_version, change->kind};
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
    return a->hold == b->hold && a->at_ms == b->at_ms && a->version == b->version &&
           a->kind == b->kind;
}

static _Noreturn void done_after_all(const struct change *change)
{
    invariant_broken(INVARIANT_3,
                     "a caller got the answer that hold %" PRIx64
                     " is not %s, and the journal has it "
                     "(%" PRIu64 ")",
                     change->hold, change_kind_name(change->kind), change->seq);
}

static bool has(const struct hall *hall, uint64_t seq, const struct outcome *outcome)
{
    return seq >= 1 && seq <= hall->changes_len && is_same(&hall->changes[seq - 1], outcome);
}

/* A refused change that was on its way had a number, under which the journal must never have it. */
void invariant_refused(unsigned event, const struct change *change)
{
    struct hall *hall = &book.halls[event];
    struct outcome outcome = outcome_of(change);
    if (has(hall, change->seq, &outcome))
        done_after_all(change);
    if (change->seq == 0 || hall->refused_len == REFUSED_MAX)
        return;
    hall->refused_seq[hall->refused_len] = change->seq;
    hall->refused[hall->refused_len++] = outcome;
}

static void judge_refused(const struct hall *hall, const struct change *change)
{
    struct outcome outcome = outcome_of(change);
    for (uint32_t i = 0; i < hall->refused_len; i++)
        if (hall->refused_seq[i] == change->seq && is_same(&hall->refused[i], &outcome))
            done_after_all(change);
}

void invariant_written(unsigned event, const struct change *change)
{
    struct hall *hall = &book.halls[event];
    if (change->seq != hall->changes_len + 1)
        invariant_broken(INVARIANT_3, "the journal goes on at %" PRIu64 " after %" PRIu64,
                         change->seq, hall->changes_len);
    if (hall->changes_len == CHANGES_MAX)
        invariant_broken(INVARIANT_5, "more than %d changes in so small a world", CHANGES_MAX);
    hall->changes[hall->changes_len++] = outcome_of(change);
    judge_refused(hall, change);
    sim_note("written: %" PRIu64 " %s %" PRIx64 " +%u -%u %s", change->seq,
             change_kind_name(change->kind), change->hold, change->add_count, change->remove_count,
             change->text);
    if (change->hold == 0)
        return;
    if (change->kind == CHANGE_LATE)
        probe_reached(PROBE_LATE);
    if (change->kind == CHANGE_FORGOTTEN)
        probe_reached(PROBE_FORGOTTEN);
    if (change->verdict == CHANGE_VERDICT_RETAKEN)
        probe_reached(PROBE_RETAKEN);
    judge_hold(event, change);
    give_back(hall, change);
    take(hall, change, change->kind == CHANGE_CONFIRMED);
}

void invariant_walled(uint32_t seat)
{
    invariant_broken(INVARIANT_1, "only the key of `sold` kept seat %u from a second owner", seat);
}

void invariant_answered(unsigned event, const struct change *change)
{
    struct outcome outcome = outcome_of(change);
    if (!has(&book.halls[event], change->seq, &outcome))
        invariant_broken(INVARIANT_3,
                         "a caller gets the answer that hold %" PRIx64 " is %s (%" PRIu64
                         "), and the journal does not know it",
                         change->hold, change_kind_name(change->kind), change->seq);
}

void invariant_nothing_left(unsigned event, uint64_t hold, const char *whose)
{
    for (uint32_t i = 0; i < book.seats_len; i++)
        if (book.halls[event].seats[i].hold == hold)
            invariant_broken(INVARIANT_3,
                             "%s says that nothing is left of hold %" PRIx64 ", and seat %u is its",
                             whose, hold, i);
}

void invariant_engine(unsigned event, const struct engine *engine, const char *whose)
{
    for (uint32_t i = 0; i < book.seats_len; i++) {
        struct engine_seat has = engine_seat(engine, i);
        const struct seat *seat = &book.halls[event].seats[i];
        enum engine_seat_state state = seat->hold == 0 ? ENGINE_FREE
                                       : seat->sold    ? ENGINE_SEAT_SOLD
                                                       : ENGINE_HELD;
        if (has.state != state || (state != ENGINE_FREE && has.hold != seat->hold))
            invariant_broken(INVARIANT_3,
                             "seat %u is %d of hold %" PRIx64 " at %s, and %d of %" PRIx64
                             " by the journal",
                             i, (int)has.state, has.hold, whose, (int)state, seat->hold);
    }
}

void invariant_slept(unsigned event, uint64_t due_ms, uint64_t spared_ms)
{
    for (uint32_t i = 0; i < book.seats_len; i++) {
        const struct seat *seat = &book.halls[event].seats[i];
        if (seat->hold == 0 || seat->sold)
            continue;
        uint64_t end_ms = hold_of(event, seat->hold)->expires_ms;
        if (due_ms == 0 || (due_ms > end_ms && due_ms > sim_wall_ms() + spared_ms))
            invariant_broken(INVARIANT_4,
                             "the event sleeps until %" PRIu64 ", and hold %" PRIx64
                             " ends at %" PRIu64,
                             due_ms, seat->hold, end_ms);
    }
}

uint32_t invariant_held(void)
{
    uint32_t n = 0;
    for (const struct hall *hall = book.halls; hall < book.halls + HALLS; hall++)
        for (uint32_t i = 0; i < book.seats_len; i++)
            n += hall->seats[i].hold != 0 && !hall->seats[i].sold;
    return n;
}

/* ---- orders ---- */

static struct order *order_of(const char *id)
{
    for (uint32_t i = book.orders_len; i > 0; i--)
        if (strcmp(book.orders[i - 1].id, id) == 0)
            return &book.orders[i - 1];
    invariant_broken(INVARIANT_2, "nobody ordered %s", id);
}

/* Counts the seats sold for the order. */
static uint32_t sold_to(const struct order *order)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < book.seats_len; i++) {
        const struct seat *seat = &gala->seats[i];
        n += seat->sold && seat->hold == order->hold &&
             strcmp(hold_of(GALA, seat->hold)->order, order->id) == 0;
    }
    return n;
}

void invariant_ordered(const char *id, uint64_t hold, uint64_t amount)
{
    if (book.orders_len == ORDERS_MAX)
        invariant_broken(INVARIANT_5, "more than %d orders in so small a world", ORDERS_MAX);
    if (book.off)
        invariant_broken(INVARIANT_2, "%s is ordered of a cancelled event", id);
    struct order *order = &book.orders[book.orders_len++];
    snprintf(order->id, sizeof(order->id), "%s", id);
    order->hold = hold;
    order->amount = amount;
    history_fact("'fact':'intent','order':'%s','amount':%" PRIu64, id, amount);
}

void invariant_operated(const char *id)
{
    order_of(id)->operated = true;
}

void invariant_captured(const char *id, uint64_t amount, bool hidden)
{
    struct order *order = order_of(id);
    order->captured += amount;
    order->reserved = false;
    sim_note("captured: %s", id);
    history_fact("'fact':'captured','order':'%s','amount':%" PRIu64, id, amount);
    if (order->captured > order->amount)
        invariant_broken(INVARIANT_2, "%" PRIu64 " were captured for %s, which costs %" PRIu64,
                         order->captured, id, order->amount);
    if (!order->operated && !hidden && sold_to(order) * book.price != order->amount)
        invariant_broken(INVARIANT_2, "%s is captured, and %u seats are sold to it", id,
                         sold_to(order));
}

void invariant_refunded(const char *id, uint64_t amount)
{
    struct order *order = order_of(id);
    order->refunded += amount;
    sim_note("refunded: %s", id);
    history_fact("'fact':'refunded','order':'%s','amount':%" PRIu64, id, amount);
    if (order->refunded > order->captured)
        invariant_broken(INVARIANT_2, "%" PRIu64 " were given back of %s, and %" PRIu64 " taken",
                         order->refunded, id, order->captured);
    if (sold_to(order) > 0 && order->refunded > order->credited)
        invariant_broken(INVARIANT_2, "%s gets its money back while its seats are sold to it", id);
}

void invariant_credited(const char *id, uint64_t amount)
{
    struct order *order = order_of(id);
    assert(amount <= order->amount);
    order->credited = amount;
    order->credits += 1;
}

void invariant_reserved(const char *id, bool reserved)
{
    order_of(id)->reserved = reserved;
}

void invariant_ticket(const char *ticket, const char *order, uint32_t nth)
{
    assert(nth < book.seats_len);
    struct seat *seat = &gala->seats[nth];
    history_fact("'fact':'ticket','order':'%s','seat':'s%u','hold':'%" PRIx64 "'", order, nth,
                 order_of(order)->hold);
    if (seat->ticket[0] != '\0')
        invariant_broken(INVARIANT_1, "seat %u gets the ticket %s of %s, and %s of %s is valid",
                         nth, ticket, order, seat->ticket, seat->ticket_order);
    if (!seat->sold || seat->hold != order_of(order)->hold)
        invariant_broken(INVARIANT_1, "seat %u gets a ticket of %s, and is not sold to it", nth,
                         order);
    snprintf(seat->ticket, sizeof(seat->ticket), "%s", ticket);
    snprintf(seat->ticket_order, sizeof(seat->ticket_order), "%s", order);
}

static uint32_t tickets_of(const char *order)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < book.seats_len; i++)
        n += strcmp(gala->seats[i].ticket_order, order) == 0;
    return n;
}

void invariant_handed_on(const char *ticket, const char *order, uint32_t nth)
{
    struct seat *seat = &gala->seats[nth];
    if (strcmp(seat->ticket_order, order) != 0)
        invariant_broken(INVARIANT_1, "%s of %s is for seat %u, of which it has no ticket", ticket,
                         order, nth);
    snprintf(seat->ticket, sizeof(seat->ticket), "%s", ticket);
}

void invariant_used(const char *order)
{
    order_of(order)->used = true;
    if (book.off || tickets_of(order) == 0)
        invariant_broken(INVARIANT_1, "a ticket of %s opens a door", order);
}

void invariant_called_off(void)
{
    book.off = true;
}

void invariant_revoked(const char *order)
{
    if (order_of(order)->used)
        invariant_broken(INVARIANT_1, "%s loses its tickets, and was there", order);
    for (uint32_t i = 0; i < book.seats_len; i++) {
        struct seat *seat = &gala->seats[i];
        if (strcmp(seat->ticket_order, order) == 0)
            seat->ticket[0] = seat->ticket_order[0] = '\0';
    }
}

void invariant_delivered(const char *id, const char *kind)
{
    struct order *order = order_of(id);
    history_fact("'fact':'shop','order':'%s','kind':'%s','amount':%" PRIu64, id, kind,
                 order->amount);
    bool credit = strncmp(kind, "credited-", 9) == 0;
    uint32_t *letters = credit                          ? &order->credits_reported
                        : strcmp(kind, "refunded") == 0 ? &order->refunds
                                                        : &order->completed;
    if (++*letters > (credit ? order->credits : 1))
        invariant_broken(INVARIANT_7, "the shop got %s twice (%s)", id, kind);
    if (order->captured != order->amount)
        invariant_broken(INVARIANT_7, "the shop gets %s (%s), which is not paid", id, kind);
}

void invariant_farewell(const char *id)
{
    const struct order *order = order_of(id);
    if (order->captured != order->amount)
        invariant_broken(INVARIANT_6, "the visit of %s is ended, which is not through", id);
}

void invariants_record_sold(void)
{
    for (uint32_t i = 0; i < book.seats_len; i++)
        if (gala->seats[i].sold)
            history_fact("'fact':'sold','seat':'s%u','hold':'%" PRIx64 "','order':'%s'", i,
                         gala->seats[i].hold, hold_of(GALA, gala->seats[i].hold)->order);
}

void invariant_ended(const char *id, enum invariant_fate fate)
{
    const struct order *order = order_of(id);
    uint64_t sold = sold_to(order) * book.price, has = order->captured - order->refunded;
    uint64_t credited = fate == INVARIANT_HAS_SEATS ? order->credited : 0;
    if (has + credited != sold)
        invariant_broken(INVARIANT_2,
                         "%s: captured less refunded is %" PRIu64 ", sold are %" PRIu64, id, has,
                         sold);
    if ((fate == INVARIANT_HAS_SEATS) != (sold > 0))
        invariant_broken(INVARIANT_2, "%s ends as %d, and %" PRIu64 " are sold to it", id,
                         (int)fate, sold);
    if (book.off && (has > 0 || (tickets_of(id) > 0 && !order->used)))
        invariant_broken(INVARIANT_2,
                         "the event is cancelled, and %s keeps %" PRIu64 " and %u tickets", id, has,
                         tickets_of(id));
    if (order->reserved)
        invariant_broken(INVARIANT_2, "%s ended, and its money is still reserved", id);
    if (tickets_of(id) * book.price != sold)
        invariant_broken(INVARIANT_1, "%s has %u valid tickets, and %" PRIu64 " are sold to it", id,
                         tickets_of(id), sold);
    uint32_t completed = fate == INVARIANT_HAS_NOTHING ? 0 : 1;
    if (order->completed != completed || order->refunds != (fate == INVARIANT_GAVE_BACK) ||
        order->credits_reported != order->credits)
        invariant_broken(INVARIANT_7,
                         "%s ends as %d, and the shop got it %u times, of its "
                         "refund %u times, of %u parts of it %u times",
                         id, (int)fate, order->completed, order->refunds, order->credits,
                         order->credits_reported);
}
