/* engine_settle.c: the second phase. Claimed seats become final and seats given back become free;
 * or, if the journal refused, everything is restored.
 *
 * It uses only op.change and the slot, because replay comes through here too. Nothing can fail:
 * phase 1 has rejected everything that could be, and what it claimed stays ours until here. So
 * every transition of a seat is asserted (I1): one that does not fit would sell a seat twice. */
#include "core/engine/engine_internal.h"

#include <assert.h>
#include <string.h>

/* ---- remembering holds that expired during payment ---- */

uint32_t late_give(struct late_pool *pool)
{
    /* acquire and release as in hold.c, which has the same stack */
    uint64_t head = atomic_load_explicit(&pool->free_head, memory_order_acquire);
    while ((uint32_t)head != 0) {
        uint32_t number = (uint32_t)head;
        assert(number <= pool->max);
        uint32_t next = HOLD_GET(&pool->list[number], next_free);
        uint64_t want = ((head >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak_explicit(&pool->free_head, &head, want,
                                                  memory_order_acq_rel, memory_order_acquire))
            return number;
    }
    uint32_t fresh = atomic_load_explicit(&pool->fresh, memory_order_relaxed);
    assert(fresh <= pool->max);
    do {
        if (fresh == pool->max)
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(&pool->fresh, &fresh, fresh + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return fresh + 1;
}

void late_end(struct late_pool *pool, uint32_t number)
{
    assert(number > 0);
    assert(number <= pool->max);
    uint64_t head = atomic_load_explicit(&pool->free_head, memory_order_relaxed);
    uint64_t want;
    do {
        HOLD_SET(&pool->list[number], next_free, (uint32_t)head);
        want = ((head >> 32) + 1) << 32 | number;
    } while (!atomic_compare_exchange_weak_explicit(&pool->free_head, &head, want,
                                                    memory_order_release, memory_order_relaxed));
}

/* Ends an owned hold of status LATE. */
static void forget(struct engine *engine, uint32_t number)
{
    const struct hold_slot *slot = engine_slot(engine, number);
    assert(HOLD_GET(slot, status) == HOLD_LATE);
    assert(HOLD_GET(slot, first) <= engine->late.max);
    if (HOLD_GET(slot, first) != 0)
        late_end(&engine->late, HOLD_GET(slot, first));
    hold_end(&engine->holds, number, engine_thread_slot());
}

/* ---- parts ---- */

void engine_pay_as(struct engine *engine, uint32_t seat, uint8_t category)
{
    assert(seat < engine->facts->seat_count && category < engine->categories);
    uint8_t paid = category != engine->facts->category[seat] ? (uint8_t)(category + 1) : 0;
    /* release: as HOLD_SET; a reader who sees it also sees that the hold has changed */
    atomic_store_explicit(&engine->paid[seat], paid, memory_order_release);
}

static void turn_all(struct engine *engine, const uint32_t *seats, uint32_t count,
                     enum seat_state was, uint32_t hold, enum seat_state becomes, uint32_t new_hold)
{
    for (uint32_t i = 0; i < count; i++) {
        if (was == SEAT_SOLD && becomes == SEAT_FREE)
            engine_pay_as(engine, seats[i], engine->facts->category[seats[i]]);
        bool ours = seats_turn(&engine->seats, seats[i], was, hold, becomes, new_hold);
        assert(ours);
    }
}

static void turn_places(struct engine *engine, const struct change *change, enum area_part from,
                        enum area_part to, uint32_t quantity)
{
    assert(from != to);
    bool ours = engine_turn(engine, change->area, from, to, quantity);
    assert(ours);
}

/* Links ascending seats and sets the slot's first and count; the slot is being written. `claimed`
 * of the seats, claimed in phase 1, are now the hold's in the journal, too. */
static void link_seats(struct engine *engine, uint32_t number, const uint32_t *seats,
                       uint32_t count, uint32_t claimed)
{
    struct hold_slot *slot = engine_slot(engine, number);
    uint32_t settled = 0;
    assert(count > 0);
    assert(count <= HOLD_SEATS_MAX);
    assert(seats[count - 1] < engine->facts->seat_count);
    for (uint32_t i = 0; i < count; i++) {
        assert(i + 1 == count || seats[i] < seats[i + 1]); /* engine_chain() asserts it again */
        uint32_t next = i + 1 < count ? seats[i + 1] + 1 : 0;
        settled += seats_link(&engine->seats, seats[i], number, next);
    }
    assert(settled == claimed);
    HOLD_SET(slot, first, seats[0]);
    HOLD_SET(slot, count, (uint16_t)count);
}

/* Links the hold's seats after the change, as link_seats() does. */
static void link_merged(struct engine *engine, const struct engine_op *op, uint32_t claimed)
{
    uint32_t own[HOLD_SEATS_MAX], after[2 * HOLD_SEATS_MAX], count, seat;
    uint32_t own_count = engine_chain(engine, op->own.slot, own);
    enum engine_verdict verdict = engine_merge(&op->change, own, own_count, after, &count, &seat);
    assert(verdict == ENGINE_OK);
    link_seats(engine, op->own.slot, after, count, claimed);
}

static void uncount(struct engine *engine, uint64_t buyer, uint32_t places)
{
    if (engine->limits->max_per_buyer != 0 && places > 0)
        buyers_sub(&engine->buyers, buyer, places);
}

/* ---- by kind ---- */

enum hold_status engine_status_before(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_CONFIRMED:
        return change->verdict == CHANGE_VERDICT_RETAKEN ? HOLD_LATE : HOLD_OPEN;
    case CHANGE_REFUNDED:
    case CHANGE_MOVED:
        return HOLD_SOLD;
    case CHANGE_FORGOTTEN:
        return HOLD_LATE;
    default:
        return HOLD_OPEN;
    }
}

/* Whether the change is of an existing hold. The op has owned it since phase 1, so nothing else
 * changed it. */
static bool has_hold_before(enum change_kind kind)
{
    return kind != CHANGE_IMPORTED && kind != CHANGE_TAKEN && kind != CHANGE_BLOCKED &&
           kind != CHANGE_UNBLOCKED && kind != CHANGE_PRICED && kind != CHANGE_REPRICED &&
           kind != CHANGE_REVISED;
}

static void settle_taken(struct engine *engine, struct engine_op *op)
{
    assert(op->own.slot == hold_slot_of(op->change.hold));
    const struct change *change = &op->change;
    struct hold_slot *slot = engine_slot(engine, op->own.slot);
    hold_write_begin(&engine->holds, op->own.slot);
    HOLD_SET(slot, buyer, change->buyer);
    HOLD_SET(slot, session, change->session);
    /* relaxed: a reader who sees it checks the slot itself */
    atomic_store_explicit(&engine->sessions[op->own.slot], (uint16_t)change->session,
                          memory_order_relaxed);
    HOLD_SET(slot, order, 0);
    HOLD_SET(slot, expires_ms, change->expires_ms);
    HOLD_SET(slot, hard_end_ms, change->hard_end_ms);
    HOLD_SET(slot, version, change->hold_version);
    HOLD_SET(slot, price_list, change->price_list);
    HOLD_SET(slot, area, change->area);
    HOLD_SET(slot, status, HOLD_OPEN);
    HOLD_SET(slot, verdict, CHANGE_VERDICT_NONE);
    if (change->area != CHANGE_AREA_NONE)
        HOLD_SET(slot, count, (uint16_t)change->quantity);
    else
        link_seats(engine, op->own.slot, change->seats, change->add_count, change->add_count);
    hold_write_end(&engine->holds, op->own.slot);
    wheel_touch(&engine->wheel, op->own.slot);
}

static void settle_changed(struct engine *engine, struct engine_op *op)
{
    const struct change *change = &op->change;
    struct hold_slot *slot = engine_slot(engine, op->own.slot);
    uint32_t fewer = 0;
    assert(change->area == HOLD_GET(slot, area));
    hold_write_begin(&engine->holds, op->own.slot);
    if (change->area != CHANGE_AREA_NONE) {
        if (change->quantity < op->own.quantity_was)
            fewer = op->own.quantity_was - change->quantity;
        HOLD_SET(slot, count, (uint16_t)change->quantity);
    } else {
        if (change->remove_count > change->add_count)
            fewer = change->remove_count - change->add_count;
        link_merged(engine, op, change->add_count);
    }
    HOLD_SET(slot, version, change->hold_version);
    hold_write_end(&engine->holds, op->own.slot);

    if (change->area == CHANGE_AREA_NONE)
        turn_all(engine, change->seats + change->add_count, change->remove_count, SEAT_HELD,
                 op->own.slot, SEAT_FREE, 0);
    else if (fewer > 0)
        turn_places(engine, change, AREA_HELD, AREA_FREE, fewer);
    uncount(engine, change->buyer, fewer);
}

static void settle_extended(struct engine *engine, struct engine_op *op)
{
    struct hold_slot *slot = engine_slot(engine, op->own.slot);
    struct span order = {op->change.text, op->change.text_len};
    uint64_t buyer_was = HOLD_GET(slot, buyer);
    hold_write_begin(&engine->holds, op->own.slot);
    bond_set(&engine->bonds[op->own.slot], op->change.purchase);
    HOLD_SET(slot, order, engine_hash_text(order));
    HOLD_SET(slot, buyer, op->change.buyer);
    HOLD_SET(slot, expires_ms, op->change.expires_ms);
    HOLD_SET(slot, version, op->change.hold_version);
    hold_write_end(&engine->holds, op->own.slot);
    wheel_touch(&engine->wheel, op->own.slot);
    if (buyer_was != op->change.buyer) /* the new buyer was counted in phase 1 */
        uncount(engine, buyer_was, HOLD_GET(slot, count));
}

bool engine_remembers(const struct change *change)
{
    return change->kind == CHANGE_LATE && (change->flags & CHANGE_FLAG_REMEMBERED) != 0;
}

/* The slot is being written. */
static void remember(struct engine *engine, struct engine_op *op)
{
    assert(op->own.late <= engine->late.max);
    assert(op->change.remove_count <= HOLD_SEATS_MAX);
    const struct change *change = &op->change;
    struct hold_slot *slot = engine_slot(engine, op->own.slot);
    if (op->own.late != 0)
        memcpy(engine->late.list[op->own.late].seats, change->seats,
               change->remove_count * sizeof(change->seats[0]));
    HOLD_SET(slot, status, HOLD_LATE);
    HOLD_SET(slot, first, op->own.late);
    HOLD_SET(slot, expires_ms, change->at_ms + LATE_KEEP_MS);
    HOLD_SET(slot, version, change->hold_version);
}

/* A partial refund: the sold hold keeps some of its places. */
static void settle_part(struct engine *engine, struct engine_op *op, uint32_t places)
{
    const struct change *change = &op->change;
    struct hold_slot *slot = engine_slot(engine, op->own.slot);
    uint32_t has = HOLD_GET(slot, count);
    assert(change->add_count == 0);
    assert(places > 0);
    assert(places < has);
    assert(change->kind == CHANGE_REFUNDED);
    hold_write_begin(&engine->holds, op->own.slot);
    if (change->area != CHANGE_AREA_NONE)
        HOLD_SET(slot, count, (uint16_t)(has - places));
    else
        link_merged(engine, op, 0);
    HOLD_SET(slot, version, change->hold_version);
    hold_write_end(&engine->holds, op->own.slot);
    if (change->area != CHANGE_AREA_NONE)
        turn_places(engine, change, AREA_SOLD, AREA_FREE, places);
    else
        turn_all(engine, change->seats, places, SEAT_SOLD, op->own.slot, SEAT_FREE, 0);
    uncount(engine, change->buyer, places);
}

/* Released, expired, refunded: marks the slot as being written, frees the seats, then the slot. A
 * free seat may belong to another hold an instant later, whose links replace ours; a reader of the
 * old hold must then see that it has changed. And while a seat is still ours the slot is not
 * reused, so the number in its word stays unambiguous. */
static void settle_ended(struct engine *engine, struct engine_op *op)
{
    const struct change *change = &op->change;
    bool sold = change->kind == CHANGE_REFUNDED;
    uint32_t places = change->area != CHANGE_AREA_NONE ? change->quantity : change->remove_count;
    if (sold && places < HOLD_GET(engine_slot(engine, op->own.slot), count)) {
        settle_part(engine, op, places);
        return;
    }
    hold_write_begin(&engine->holds, op->own.slot);
    if (change->area != CHANGE_AREA_NONE) {
        turn_places(engine, change, sold ? AREA_SOLD : AREA_HELD, AREA_FREE, places);
    } else {
        turn_all(engine, change->seats, change->remove_count, sold ? SEAT_SOLD : SEAT_HELD,
                 op->own.slot, SEAT_FREE, 0);
    }
    assert(places > 0); /* a hold without places has ended */
    uncount(engine, change->buyer, places);
    if (engine_remembers(change)) {
        remember(engine, op);
        hold_write_end(&engine->holds, op->own.slot);
        wheel_touch(&engine->wheel, op->own.slot);
        return;
    }
    hold_end(&engine->holds, op->own.slot, engine_thread_slot());
}

static void settle_confirmed(struct engine *engine, struct engine_op *op)
{
    assert(op->change.verdict != CHANGE_VERDICT_NONE);
    const struct change *change = &op->change;
    struct hold_slot *slot = engine_slot(engine, op->own.slot);
    uint32_t late = 0;
    if (change->area != CHANGE_AREA_NONE)
        turn_places(engine, change, AREA_HELD, AREA_SOLD, change->quantity);
    else
        turn_all(engine, change->seats, change->add_count, SEAT_HELD, op->own.slot, SEAT_SOLD,
                 op->own.slot);
    bool retaken = HOLD_GET(slot, status) == HOLD_LATE;
    if (retaken)
        late = HOLD_GET(slot, first);
    hold_write_begin(&engine->holds, op->own.slot);
    if (retaken && change->area == CHANGE_AREA_NONE)
        link_seats(engine, op->own.slot, change->seats, change->add_count, 0);
    HOLD_SET(slot, status, HOLD_SOLD);
    HOLD_SET(slot, verdict, change->verdict);
    HOLD_SET(slot, version, change->hold_version);
    hold_write_end(&engine->holds, op->own.slot);
    if (late != 0)
        late_end(&engine->late, late);
}

static void settle_moved(struct engine *engine, struct engine_op *op)
{
    assert(op->change.area == CHANGE_AREA_NONE);
    const struct change *change = &op->change;
    struct hold_slot *slot = engine_slot(engine, op->own.slot);
    turn_all(engine, change->seats, change->add_count, SEAT_HELD, op->own.slot, SEAT_SOLD,
             op->own.slot);
    hold_write_begin(&engine->holds, op->own.slot);
    link_merged(engine, op, 0);
    for (uint32_t i = 0; i < change->add_count; i++) /* paired by rank, as in `sold` */
        engine_pay_as(engine, change->seats[i],
                      engine_paid(engine, change->seats[change->add_count + i]));
    HOLD_SET(slot, version, change->hold_version);
    hold_write_end(&engine->holds, op->own.slot);
    turn_all(engine, change->seats + change->add_count, change->remove_count, SEAT_SOLD,
             op->own.slot, SEAT_FREE, 0);
}

static void settle_priced(struct engine *engine, struct engine_op *op)
{
    uint32_t list = op->change.price_list;
    assert(list < PRICE_LISTS_MAX);
    assert(list <= atomic_load_explicit(&engine->price_lists, memory_order_relaxed));
    assert(engine_knows(engine, op->change.categories));
    for (uint32_t i = 0; i < engine->categories; i++) {
        /* relaxed: before the stores below this list is unused, or has these prices */
        atomic_store_explicit(&engine->prices[(size_t)list * engine->categories + i],
                              engine_price_after(engine, &op->change, i), memory_order_relaxed);
    }
    if (list == atomic_load_explicit(&engine->price_lists, memory_order_relaxed))
        atomic_store_explicit(&engine->price_lists, list + 1, memory_order_relaxed);
    /* seq_cst: pairs with give_list() */
    atomic_store_explicit(&engine->price_list, list, memory_order_seq_cst);
    atomic_store_explicit(&engine->pricing, false, memory_order_release);
}

void engine_settle(struct engine *engine, struct engine_op *op)
{
    assert(op->own.phase == OP_BEGUN);
    if (has_hold_before((enum change_kind)op->change.kind)) {
        assert(op->own.slot == hold_slot_of(op->change.hold));
        assert(HOLD_GET(engine_slot(engine, op->own.slot), status) ==
               engine_status_before(&op->change));
    }
    switch ((enum change_kind)op->change.kind) {
    case CHANGE_TAKEN:
        settle_taken(engine, op);
        break;
    case CHANGE_CHANGED:
        settle_changed(engine, op);
        break;
    case CHANGE_EXTENDED:
        settle_extended(engine, op);
        break;
    case CHANGE_RELEASED:
    case CHANGE_EXPIRED:
    case CHANGE_LATE:
    case CHANGE_REFUNDED:
        settle_ended(engine, op);
        break;
    case CHANGE_FORGOTTEN:
        forget(engine, op->own.slot);
        break;
    case CHANGE_CONFIRMED:
        settle_confirmed(engine, op);
        break;
    case CHANGE_MOVED:
        settle_moved(engine, op);
        break;
    case CHANGE_UNBLOCKED:
        turn_all(engine, op->change.seats, op->change.remove_count, SEAT_BLOCKED, SEAT_OPERATOR,
                 SEAT_FREE, 0);
        if (op->change.area != CHANGE_AREA_NONE)
            turn_places(engine, &op->change, AREA_HELD, AREA_FREE, op->change.quantity);
        break;
    case CHANGE_PRICED:
    case CHANGE_REPRICED:
        settle_priced(engine, op);
        break;
    case CHANGE_BLOCKED:
        turn_all(engine, op->change.seats, op->change.add_count, SEAT_BLOCKED, SEAT_OPERATOR,
                 SEAT_BLOCKED, 0);
        if (op->change.area != CHANGE_AREA_NONE)
            turn_places(engine, &op->change, AREA_HELD, AREA_BLOCKED, op->change.quantity);
        break;
    case CHANGE_IMPORTED:
    case CHANGE_REVISED:
        break;
    case CHANGE_KIND_COUNT:
        assert(false);
    }
    op->own.phase = OP_ENDED;
}

/* ---- undoing ---- */

void engine_undo_added(struct engine *engine, struct engine_op *op)
{
    assert(op->own.slot != 0);
    const struct change *change = &op->change;
    if (change->area == CHANGE_AREA_NONE)
        engine_unclaim(engine, op, SEAT_HELD);
    else if (change->quantity > op->own.quantity_was)
        turn_places(engine, change, AREA_HELD, AREA_FREE, change->quantity - op->own.quantity_was);
    uncount(engine, change->buyer, op->own.buyer_places);
}

static void undo_unblocked(struct engine *engine, struct engine_op *op)
{
    assert(op->change.add_count == 0);
    turn_all(engine, op->change.seats, op->change.remove_count, SEAT_BLOCKED, SEAT_OPERATOR,
             SEAT_BLOCKED, 0);
    if (op->change.area != CHANGE_AREA_NONE)
        turn_places(engine, &op->change, AREA_HELD, AREA_BLOCKED, op->change.quantity);
}

static void undo_expired(struct engine *engine, struct engine_op *op)
{
    assert(op->own.slot == hold_slot_of(op->change.hold));
    /* relaxed: only delays, nothing depends on it */
    atomic_store_explicit(&engine->expire_not_before_ms, op->change.at_ms + EXPIRE_RETRY_MS,
                          memory_order_relaxed);
    if (op->own.late != 0)
        late_end(&engine->late, op->own.late);
    hold_disown(&engine->holds, op->own.slot);
    wheel_touch(&engine->wheel, op->own.slot);
}

void engine_undo(struct engine *engine, struct engine_op *op)
{
    assert(op->own.phase == OP_BEGUN);
    switch ((enum change_kind)op->change.kind) {
    case CHANGE_TAKEN:
        engine_undo_added(engine, op);
        hold_end(&engine->holds, op->own.slot, engine_thread_slot());
        break;
    case CHANGE_CONFIRMED: /* if the hold had not expired, nothing was claimed */
        if (op->change.verdict == CHANGE_VERDICT_RETAKEN)
            engine_undo_added(engine, op);
        hold_disown(&engine->holds, op->own.slot);
        break;
    case CHANGE_CHANGED:
    case CHANGE_MOVED:
        engine_undo_added(engine, op);
        hold_disown(&engine->holds, op->own.slot);
        break;
    case CHANGE_EXTENDED:
        uncount(engine, op->change.buyer, op->own.buyer_places);
        hold_disown(&engine->holds, op->own.slot);
        break;
    case CHANGE_RELEASED:
    case CHANGE_REFUNDED:
        hold_disown(&engine->holds, op->own.slot);
        break;
    case CHANGE_EXPIRED:
    case CHANGE_LATE:
    case CHANGE_FORGOTTEN:
        undo_expired(engine, op);
        break;
    case CHANGE_BLOCKED:
        engine_unclaim(engine, op, SEAT_BLOCKED);
        if (op->change.area != CHANGE_AREA_NONE)
            turn_places(engine, &op->change, AREA_HELD, AREA_FREE, op->change.quantity);
        break;
    case CHANGE_UNBLOCKED:
        undo_unblocked(engine, op);
        break;
    case CHANGE_PRICED:
    case CHANGE_REPRICED:
        atomic_store_explicit(&engine->pricing, false, memory_order_release);
        break;
    case CHANGE_IMPORTED:
    case CHANGE_REVISED:
    case CHANGE_KIND_COUNT:
        assert(false);
    }
    op->own.phase = OP_ENDED;
}
