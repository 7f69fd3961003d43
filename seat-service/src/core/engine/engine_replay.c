/* engine_replay.c: rebuilds a state from changes and snapshots.
 *
 * A change is applied by claiming the seats it names and then settling it with the same code that
 * settled it the first time. All checks run before the settling. A change that does not fit means a
 * wrong journal, not a bug in the program, so it is rejected, and the engine is left unchanged.
 *
 * A snapshot is written from an engine in replay (the auditor's), or from one that is idle. Its
 * bytes, in wire.h's notation:
 *
 *     "FGSN" format  plan hash  highest generation
 *     price lists:   number, in format 2 the newest one's (else the last), prices by category
 *     areas:         for each, places blocked
 *     blocked seats: number, seats
 *     holds:         number; for each: id, version, status, verdict, price list, buyer, session,
 *                    order, with an order the digest of its purchase (zeros: none), expires,
 *                    hard end, area + 1, then quantity or seats; a late hold without an area
 *                    has its quantity and then its seats, none if they are not known
 *     hash of the state, to know that what was read is what was written
 *
 * The highest generation is included because a slot that is free in the snapshot must not reuse the
 * id of an earlier hold, which a client may still have. */
#include "core/engine/engine_internal.h"
#include "core/engine/wire.h"
#include "sale/purchase.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

void engine_replay_begin(struct engine *engine)
{
    assert(atomic_load_explicit(&engine->holds.fresh, memory_order_relaxed) ==
           0); /* starts empty */
    engine->holds.live = false;
}

void engine_replay_end(struct engine *engine)
{
    assert(engine->fits);
    hold_slots_go_live(&engine->holds);
}

/* ---- applying ---- */

static int misfit(struct err_slot *err, const struct change *change, const char *what)
{
    assert(what != NULL);
    return err_set(err, ERR_STATE, "change %" PRIu64 " (%s): %s", change->seq,
                   change_kind_name(change->kind), what);
}

static bool seats_exist(const struct engine *engine, const struct change *change)
{
    for (uint32_t i = 0; i < (uint32_t)change->add_count + change->remove_count; i++)
        if (change->seats[i] >= engine->facts->seat_count)
            return false;
    return change->area == CHANGE_AREA_NONE || change->area < plan_area_count(engine->plan);
}

static bool are_held(const struct engine *engine, const uint32_t *seats, uint32_t count,
                     enum seat_state state, uint32_t hold)
{
    assert(count <= CHANGE_SEATS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word = seats_read(&engine->seats, seats[i]);
        if (seat_state(word) != state || seat_hold(word) != hold)
            return false;
    }
    return true;
}

static bool claim(struct engine *engine, struct engine_op *op, enum seat_state state)
{
    assert(op->own.slot != 0);
    const struct change *change = &op->change;
    if (change->area == CHANGE_AREA_NONE)
        return change->add_count == 0 ||
               engine_claim(engine, op, NULL, 0, state, ORPHANS_IGNORED) == ENGINE_OK;
    uint32_t more =
        change->quantity > op->own.quantity_was ? change->quantity - op->own.quantity_was : 0;
    return engine_turn(engine, change->area, AREA_FREE, AREA_HELD, more);
}

static void count(struct engine *engine, const struct change *change, uint32_t places)
{
    uint32_t has;
    if (engine->limits->max_per_buyer != 0 && places > 0) {
        enum buyers_answer answer =
            buyers_add(&engine->buyers, change->buyer, places, BUYERS_NO_LIMIT, &has);
        assert(answer == BUYERS_ADDED); /* the table has room for one buyer per seat */
    }
}

static bool counts_as_hold(const struct hold_slot *slot)
{
    enum hold_state state = hold_state_of(HOLD_GET(slot, word));
    assert(state == HOLD_UNUSED || state == HOLD_IDLE); /* no op is under way */
    return state == HOLD_IDLE;
}

static uint32_t lists_of(const struct engine *engine)
{
    uint32_t lists = atomic_load_explicit(&engine->price_lists, memory_order_relaxed);
    assert(lists > engine_newest_list(engine));
    assert(lists <= PRICE_LISTS_MAX);
    return lists;
}

static bool list_is_known(const struct engine *engine, uint16_t list)
{
    return list < lists_of(engine);
}

/* Returns whether the owner could choose this list: no hold has it, or it has these prices. */
static bool list_is_free(const struct engine *engine, const struct change *change)
{
    bool used[PRICE_LISTS_MAX];
    uint16_t list = change->price_list;
    if (!list_is_known(engine, list))
        return list == lists_of(engine);
    engine_lists_used(engine, used);
    return !used[list] || engine_list_fits(engine, change, list);
}

/* Changes nothing before the last check has passed. */
static int apply_taken(struct engine *engine, struct engine_op *op, struct err_slot *err)
{
    const struct change *change = &op->change;
    bool in_area = change->area != CHANGE_AREA_NONE;
    uint32_t places = in_area ? change->quantity : change->add_count;
    if (places == 0 || places > (in_area ? HOLD_AREA_QUANTITY_MAX : HOLD_SEATS_MAX))
        return misfit(err, change, "no seats, or too many");
    if (!list_is_known(engine, change->price_list))
        return misfit(err, change, "its prices are not known");
    if (!hold_is_later(&engine->holds, change->hold))
        return misfit(err, change, "its hold exists already");
    op->own.slot = hold_slot_of(change->hold);
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    if (counts_as_hold(slot))
        return misfit(err, change, "its hold exists already");
    if (!claim(engine, op, SEAT_HELD))
        return misfit(err, change, "its seats are not free");
    bool adopted = hold_adopt(&engine->holds, change->hold);
    assert(adopted); /* its slot is free, and its id is newer */
    assert(hold_id(&engine->holds, op->own.slot) == change->hold);
    count(engine, change, places);
    return 0;
}

/* Checks that the removed or confirmed seats belong to the hold. */
static const char *check_owned(const struct engine *engine, const struct engine_op *op)
{
    assert(op->own.slot != 0);
    const struct change *change = &op->change;
    const struct hold_slot *slot = &engine->holds.slots[op->own.slot];
    uint16_t area = HOLD_GET(slot, area);
    bool whole = change->kind == CHANGE_RELEASED || change->kind == CHANGE_EXPIRED ||
                 change->kind == CHANGE_LATE || change->kind == CHANGE_REFUNDED ||
                 change->kind == CHANGE_CONFIRMED;
    if (change->kind == CHANGE_EXTENDED || change->kind == CHANGE_FORGOTTEN)
        return NULL;
    if (change->area != area)
        return "its area is another one";
    uint32_t named = change->kind == CHANGE_CONFIRMED ? change->add_count : change->remove_count;
    uint32_t has = HOLD_GET(slot, count);
    uint32_t places = area != CHANGE_AREA_NONE ? change->quantity : named;
    bool part = change->kind == CHANGE_REFUNDED && places > 0 && places < has;
    if (whole && places != has && !part)
        return "it names another number of places than the hold has";
    if (area != CHANGE_AREA_NONE)
        return change->quantity > 0 && change->quantity <= HOLD_AREA_QUANTITY_MAX ? NULL
                                                                                  : "no places";
    if (change->verdict == CHANGE_VERDICT_RETAKEN)
        return NULL;
    if (!whole && (has + change->add_count <= change->remove_count ||
                   has + change->add_count - change->remove_count > HOLD_SEATS_MAX))
        return "no seats would be left, or too many";
    enum seat_state state = HOLD_GET(slot, status) == HOLD_SOLD ? SEAT_SOLD : SEAT_HELD;
    const uint32_t *seats =
        change->kind == CHANGE_CONFIRMED ? change->seats : change->seats + change->add_count;
    return are_held(engine, seats, named, state, op->own.slot) ? NULL
                                                               : "its seats are not the hold's";
}

static int apply_to_hold(struct engine *engine, struct engine_op *op, struct err_slot *err)
{
    struct change *change = &op->change;
    if (hold_own(&engine->holds, change->hold) != HOLD_OWNED)
        return misfit(err, change, "there is no such hold");
    op->own.slot = hold_slot_of(change->hold);
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    uint64_t named = change->kind == CHANGE_EXTENDED ? change->buyer : 0;
    change->buyer = HOLD_GET(slot, buyer);
    const char *what = check_owned(engine, op);
    if (HOLD_GET(slot, status) != engine_status_before(change))
        what = "the hold is in another state";
    if (what != NULL)
        goto disown;

    uint32_t more = 0;
    if (change->kind == CHANGE_CHANGED) {
        if (change->area != CHANGE_AREA_NONE) {
            op->own.quantity_was = HOLD_GET(slot, count);
            if (change->quantity > op->own.quantity_was)
                more = change->quantity - op->own.quantity_was;
        } else if (change->add_count > change->remove_count) {
            more = change->add_count - (uint32_t)change->remove_count;
        }
    }
    bool retaken = change->verdict == CHANGE_VERDICT_RETAKEN;
    bool handed_over = named != 0 && named != change->buyer;
    if (handed_over)
        change->buyer = named;
    if (retaken || handed_over)
        more = HOLD_GET(slot, count);
    if (change->kind == CHANGE_CHANGED || change->kind == CHANGE_MOVED || retaken) {
        what = "its seats are not free";
        if (!claim(engine, op, SEAT_HELD))
            goto disown;
    }
    assert(hold_id(&engine->holds, op->own.slot) == change->hold);
    count(engine, change, more);
    /* The owner may have had more room than this reader. Then the hold is remembered without its
     * seats: a change that retakes them names them. */
    if (engine_remembers(change))
        op->own.late = late_give(&engine->late);
    return 0;

disown:
    assert(what != NULL);
    hold_disown(&engine->holds, op->own.slot);
    return misfit(err, change, what);
}

static int apply_unblocked(struct engine *engine, struct engine_op *op, struct err_slot *err)
{
    const struct change *change = &op->change;
    if (!are_held(engine, change->seats, change->remove_count, SEAT_BLOCKED, 0))
        return misfit(err, change, "its seats are not blocked");
    if (change->area != CHANGE_AREA_NONE &&
        !engine_turn(engine, change->area, AREA_BLOCKED, AREA_HELD, change->quantity))
        return misfit(err, change, "its places are not blocked");
    for (uint32_t i = 0; i < change->remove_count; i++) {
        bool ours = seats_seize(&engine->seats, change->seats[i], SEAT_BLOCKED, 0, SEAT_BLOCKED,
                                SEAT_OPERATOR);
        assert(ours); /* checked above, and there is no other thread */
    }
    return 0;
}

/* From here on the plan's own capacities apply. */
static int apply_plan(struct engine *engine, const struct change *change, struct err_slot *err)
{
    if (change->seq < engine->since)
        return 0;
    if (memcmp(change->plan_hash, plan_hash(engine->plan), PLAN_HASH_BYTES) != 0)
        return misfit(err, change, "it is of another plan");
    for (uint32_t i = 0; i < plan_area_count(engine->plan); i++) {
        struct engine_area area = engine_area(engine, (uint16_t)i);
        if (area.held + area.sold + area.blocked > plan_area(engine->plan, i)->capacity)
            return misfit(err, change, "an area has more places than its capacity");
    }
    engine->fits = true;
    return 0;
}

static int apply_claims(struct engine *engine, struct engine_op *op, struct err_slot *err)
{
    const struct change *change = &op->change;
    switch ((enum change_kind)change->kind) {
    case CHANGE_IMPORTED:
    case CHANGE_REVISED:
        return apply_plan(engine, change, err);
    case CHANGE_TAKEN:
        return apply_taken(engine, op, err);
    case CHANGE_BLOCKED:
        op->own.slot = SEAT_OPERATOR;
        return claim(engine, op, SEAT_BLOCKED) ? 0 : misfit(err, change, "seats are not free");
    case CHANGE_UNBLOCKED:
        return apply_unblocked(engine, op, err);
    case CHANGE_PRICED:
    case CHANGE_REPRICED:
        return engine_knows(engine, change->categories) && list_is_free(engine, change)
                   ? 0
                   : misfit(err, change, "its category is unknown, or its price list is not free");
    default:
        return apply_to_hold(engine, op, err);
    }
}

int engine_apply(struct engine *engine, const struct change *change, struct err_slot *err)
{
    assert(!engine->holds.live);
    /* Checked by change_get(), or by the code that built the change. */
    assert(change->kind > 0);
    assert(change->kind < CHANGE_KIND_COUNT);
    assert(change->add_count + change->remove_count <= CHANGE_SEATS_MAX);
    struct engine_op op;
    if (change->seq != 0 && change->seq < engine->base) { /* 0: from a snapshot */
        uint64_t given = hold_generation_of(change->hold);
        if (given > engine->holds.generation_base) /* a client may still have the id */
            engine->holds.generation_base = given;
        return 0;
    }
    if (change->kind == CHANGE_REVISED && change->seq > engine->since)
        return err_set(err, ERR_NOT_FOUND, "change %" PRIu64 " names another plan", change->seq);
    if (!seats_exist(engine, change))
        return misfit(err, change, "a seat or area that the plan does not have");
    if (change->area != CHANGE_AREA_NONE && change->add_count + change->remove_count > 0)
        return misfit(err, change, "seats and an area at once");
    engine_op_init(&op, (enum change_kind)change->kind, change->at_ms);
    change_copy(&op.change, change);
    int rc = apply_claims(engine, &op, err);
    if (rc < 0)
        return rc;
    assert(op.own.phase == OP_NONE);
    op.own.phase = OP_BEGUN;
    engine_settle(engine, &op);
    assert(op.own.phase == OP_ENDED);
    return 0;
}

/* ---- the state's hash ---- */

/* While no list has been reused, the newest is the last one and is not written, so hash and
 * snapshot keep their original format. */
static bool newest_is_named(const struct engine *engine)
{
    return engine_newest_list(engine) + 1u != lists_of(engine);
}

static uint64_t fold(uint64_t hash, uint64_t value)
{
    hash ^= value;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

/* The seats that a hold has, or had if it is late and its seats are known. */
static uint32_t seats_of(const struct engine *engine, uint32_t number, uint32_t *seats)
{
    const struct hold_slot *slot = &engine->holds.slots[number];
    if (HOLD_GET(slot, status) != HOLD_LATE)
        return engine_chain(engine, number, seats);
    if (HOLD_GET(slot, area) != CHANGE_AREA_NONE || HOLD_GET(slot, first) == 0)
        return 0;
    uint32_t count = HOLD_GET(slot, count);
    assert(count <= HOLD_SEATS_MAX);
    assert(HOLD_GET(slot, first) <= engine->late.max);
    memcpy(seats, engine->late.list[HOLD_GET(slot, first)].seats, count * sizeof(*seats));
    return count;
}

static uint64_t fold_bond(const struct engine *engine, uint64_t hash, uint32_t number)
{
    uint8_t purchase[CHANGE_HASH_BYTES];
    uint64_t part;
    if (HOLD_GET(&engine->holds.slots[number], order) == 0)
        return hash;
    bond_get(&engine->bonds[number], purchase);
    if (purchase_digest_is_none(purchase))
        return hash;
    for (size_t at = 0; at < sizeof(purchase); at += sizeof(part)) {
        memcpy(&part, purchase + at, sizeof(part));
        hash = fold(hash, part);
    }
    return hash;
}

static uint64_t fold_hold(const struct engine *engine, uint64_t hash, uint32_t number)
{
    const struct hold_slot *slot = &engine->holds.slots[number];
    uint32_t seats[HOLD_SEATS_MAX];
    hash = fold(hash, hold_id(&engine->holds, number));
    hash = fold(hash, HOLD_GET(slot, version));
    hash = fold(hash, HOLD_GET(slot, status));
    hash = fold(hash, HOLD_GET(slot, verdict));
    hash = fold(hash, HOLD_GET(slot, buyer));
    hash = fold(hash, HOLD_GET(slot, session));
    hash = fold(hash, HOLD_GET(slot, order));
    hash = fold_bond(engine, hash, number);
    hash = fold(hash, HOLD_GET(slot, expires_ms));
    hash = fold(hash, HOLD_GET(slot, hard_end_ms));
    hash = fold(hash, HOLD_GET(slot, price_list));
    hash = fold(hash, HOLD_GET(slot, area));
    hash = fold(hash, HOLD_GET(slot, count));
    uint32_t count = seats_of(engine, number, seats);
    for (uint32_t i = 0; i < count; i++)
        hash = fold(hash, seats[i]);
    return hash;
}

uint64_t engine_state_hash(const struct engine *engine)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < engine->facts->seat_count; i++) { /* without the version: seats.h */
        hash = fold(hash, seats_read(&engine->seats, i) >> SEAT_HOLD_SHIFT);
        if (engine_paid(engine, i) != engine->facts->category[i])
            hash = fold(hash, engine_paid(engine, i));
    }
    for (uint32_t i = 0; i < plan_area_count(engine->plan); i++)
        hash = fold(hash, atomic_load_explicit(&engine->areas[i], memory_order_acquire));
    uint32_t lists = lists_of(engine);
    for (uint32_t i = 0; i < lists * engine->categories; i++)
        hash = fold(hash, atomic_load_explicit(&engine->prices[i], memory_order_relaxed));
    if (newest_is_named(engine))
        hash = fold(hash, engine_newest_list(engine));
    uint32_t fresh = atomic_load_explicit(&engine->holds.fresh, memory_order_relaxed);
    for (uint32_t i = 1; i <= fresh; i++)
        if (counts_as_hold(&engine->holds.slots[i]))
            hash = fold_hold(engine, hash, i);
    return hash;
}

/* ---- snapshots ---- */

static const uint8_t snapshot_magic[] = {'F', 'G', 'S', 'N'};

/* Added to the format: the newest price list is named; each sold seat is followed by the category
 * whose price was paid. */
enum { SNAPSHOT_FORMAT = 1, SNAPSHOT_NEWEST_NAMED = 1, SNAPSHOT_PAID = 2 };

enum { HOLD_BYTES_MAX = 8 * 8 + 40 + CHANGE_HASH_BYTES }; /* without its seats */

size_t engine_snapshot_size(const struct engine *engine)
{
    uint32_t fresh = atomic_load_explicit(&engine->holds.fresh, memory_order_relaxed);
    return 256 + lists_of(engine) * engine->categories * 10u + plan_area_count(engine->plan) * 5u +
           engine->facts->seat_count * 10u + (size_t)fresh * HOLD_BYTES_MAX +
           (size_t)engine->late.max * HOLD_SEATS_MAX * 5u;
}

static uint8_t *put_hold(const struct engine *engine, unsigned added, uint32_t number, uint8_t *at)
{
    assert(counts_as_hold(&engine->holds.slots[number]));
    const struct hold_slot *slot = &engine->holds.slots[number];
    uint32_t seats[HOLD_SEATS_MAX];
    uint16_t area = HOLD_GET(slot, area);
    at = wire_put_hash(at, hold_id(&engine->holds, number));
    at = wire_put_number(at, HOLD_GET(slot, version));
    *at++ = HOLD_GET(slot, status);
    *at++ = HOLD_GET(slot, verdict);
    at = wire_put_number(at, HOLD_GET(slot, price_list));
    at = wire_put_hash(at, HOLD_GET(slot, buyer));
    at = wire_put_hash(at, HOLD_GET(slot, session));
    at = wire_put_hash(at, HOLD_GET(slot, order));
    if (HOLD_GET(slot, order) != 0) {
        bond_get(&engine->bonds[number], at);
        at += CHANGE_HASH_BYTES;
    }
    at = wire_put_number(at, HOLD_GET(slot, expires_ms));
    at = wire_put_number(at, HOLD_GET(slot, hard_end_ms));
    at = wire_put_number(at, area == CHANGE_AREA_NONE ? 0 : area + 1u);
    if (area != CHANGE_AREA_NONE)
        return wire_put_number(at, HOLD_GET(slot, count));
    if (HOLD_GET(slot, status) == HOLD_LATE)
        at = wire_put_number(at, HOLD_GET(slot, count));
    uint32_t count = seats_of(engine, number, seats);
    at = wire_put_seats(at, seats, count);
    bool moved = (added & SNAPSHOT_PAID) && HOLD_GET(slot, status) == HOLD_SOLD;
    for (uint32_t i = 0; moved && i < count; i++)
        at = wire_put_number(at, engine_paid(engine, seats[i]));
    return at;
}

static uint8_t *put_blocked(const struct engine *engine, uint8_t *at)
{
    for (uint32_t i = 0; i < plan_area_count(engine->plan); i++)
        at = wire_put_number(at, engine_area(engine, (uint16_t)i).blocked);
    uint32_t count = 0;
    for (uint32_t i = 0; i < engine->facts->seat_count; i++)
        count += seat_state(seats_read(&engine->seats, i)) == SEAT_BLOCKED;
    at = wire_put_number(at, count);
    uint32_t next = 0;
    for (uint32_t i = 0; i < engine->facts->seat_count; i++) {
        if (seat_state(seats_read(&engine->seats, i)) != SEAT_BLOCKED)
            continue;
        at = wire_put_number(at, i - next);
        next = i + 1;
        assert(count > 0);
        count--;
    }
    assert(count == 0); /* as many as the count says */
    return at;
}

size_t engine_snapshot_write(const struct engine *engine, uint8_t *out, size_t room)
{
    assert(room >= engine_snapshot_size(engine));
    uint8_t *at = out;
    memcpy(at, snapshot_magic, sizeof(snapshot_magic));
    at += sizeof(snapshot_magic);
    unsigned added = newest_is_named(engine) ? SNAPSHOT_NEWEST_NAMED : 0;
    for (uint32_t i = 0; i < engine->facts->seat_count; i++)
        added |= engine_paid(engine, i) != engine->facts->category[i] ? SNAPSHOT_PAID : 0;
    *at++ = (uint8_t)(SNAPSHOT_FORMAT + added);
    memcpy(at, plan_hash(engine->plan), PLAN_HASH_BYTES);
    at += PLAN_HASH_BYTES;

    uint64_t generation = engine->holds.generation_base;
    uint32_t holds = 0;
    uint32_t fresh = atomic_load_explicit(&engine->holds.fresh, memory_order_relaxed);
    for (uint32_t i = 1; i <= fresh; i++) {
        uint64_t word = HOLD_GET(&engine->holds.slots[i], word);
        generation = word >> 24 > generation ? word >> 24 : generation;
        holds += counts_as_hold(&engine->holds.slots[i]);
    }
    at = wire_put_number(at, generation);
    uint32_t lists = lists_of(engine);
    at = wire_put_number(at, lists);
    if (newest_is_named(engine))
        at = wire_put_number(at, engine_newest_list(engine));
    for (uint32_t i = 0; i < lists * engine->categories; i++)
        at = wire_put_number(at, atomic_load_explicit(&engine->prices[i], memory_order_relaxed));
    at = put_blocked(engine, at);
    at = wire_put_number(at, holds);
    for (uint32_t i = 1; i <= fresh; i++)
        if (counts_as_hold(&engine->holds.slots[i])) {
            assert(holds > 0);
            at = put_hold(engine, added, i, at);
            holds--;
        }
    assert(holds == 0); /* as many as the count says */
    at = wire_put_hash(at, engine_state_hash(engine));
    assert((size_t)(at - out) <= room);
    return (size_t)(at - out);
}

/* A late hold: it has a slot and its seats' numbers, and nothing else. */
static int adopt_late(struct engine *engine, const struct change *change, uint64_t order,
                      struct err_slot *err)
{
    assert(change->add_count <= HOLD_SEATS_MAX);
    bool in_area = change->area != CHANGE_AREA_NONE;
    uint32_t number = hold_slot_of(change->hold), late = 0;
    if (!seats_exist(engine, change))
        return misfit(err, change, "a seat or area that the plan does not have");
    if (!list_is_known(engine, change->price_list))
        return misfit(err, change, "its prices are not known");
    if (!hold_adopt(&engine->holds, change->hold))
        return misfit(err, change, "its hold exists already");
    if (in_area || change->add_count > 0)
        late = late_give(&engine->late);
    assert(late <= engine->late.max);
    if (late != 0)
        memcpy(engine->late.list[late].seats, change->seats,
               change->add_count * sizeof(change->seats[0]));
    struct hold_slot *slot = engine_slot(engine, number);
    hold_write_begin(&engine->holds, number);
    HOLD_SET(slot, buyer, change->buyer);
    HOLD_SET(slot, session, change->session);
    bond_set(&engine->bonds[number], change->purchase);
    HOLD_SET(slot, order, order);
    HOLD_SET(slot, expires_ms, change->expires_ms);
    HOLD_SET(slot, hard_end_ms, change->hard_end_ms);
    HOLD_SET(slot, version, change->hold_version);
    HOLD_SET(slot, price_list, change->price_list);
    HOLD_SET(slot, area, change->area);
    HOLD_SET(slot, status, HOLD_LATE);
    HOLD_SET(slot, verdict, CHANGE_VERDICT_NONE);
    HOLD_SET(slot, first, late);
    HOLD_SET(slot, count, (uint16_t)change->quantity);
    hold_write_end(&engine->holds, number);
    wheel_touch(&engine->wheel, number);
    return 0;
}

/* Reads a hold by applying a `taken` change, then sets the rest of its state. */
static int read_hold(struct engine *engine, unsigned added, struct wire *wire, struct err_slot *err)
{
    struct change change;
    change_init(&change, CHANGE_TAKEN, 0);
    change.hold = wire_get_hash(wire);
    change.hold_version = (uint32_t)wire_get_number(wire, UINT32_MAX);
    uint8_t status = wire_get_byte(wire);
    uint8_t verdict = wire_get_byte(wire);
    change.price_list = (uint16_t)wire_get_number(wire, PRICE_LISTS_MAX - 1);
    change.buyer = wire_get_hash(wire);
    change.session = wire_get_hash(wire);
    uint64_t order = wire_get_hash(wire);
    if (order != 0)
        wire_get_bytes(wire, change.purchase, sizeof(change.purchase));
    change.expires_ms = wire_get_number(wire, UINT64_MAX);
    change.hard_end_ms = wire_get_number(wire, UINT64_MAX);
    uint8_t paid[HOLD_SEATS_MAX] = {0};
    uint32_t area = (uint32_t)wire_get_number(wire, plan_area_count(engine->plan));
    if (area > 0) {
        change.area = (uint16_t)(area - 1);
        change.quantity = (uint32_t)wire_get_number(wire, HOLD_AREA_QUANTITY_MAX);
    } else {
        if (status == HOLD_LATE)
            change.quantity = (uint32_t)wire_get_number(wire, HOLD_SEATS_MAX);
        change.add_count = wire_get_seats(wire, change.seats, HOLD_SEATS_MAX);
        if (status == HOLD_LATE && change.add_count != 0 && change.add_count != change.quantity)
            wire_fail(wire, "has a late hold with another number of seats than it had");
        bool moved = (added & SNAPSHOT_PAID) && status == HOLD_SOLD;
        for (uint32_t i = 0; moved && i < change.add_count; i++)
            paid[i] = (uint8_t)wire_get_number(wire, engine->categories - 1);
    }
    if (wire->bad != NULL || status > HOLD_LATE)
        return err_set(err, ERR_SYNTAX, "snapshot %s",
                       wire->bad ? wire->bad : "has a wrong status");
    if (status == HOLD_LATE) /* holds no seats: another hold may have them */
        return adopt_late(engine, &change, order, err);
    int rc = engine_apply(engine, &change, err);
    if (rc < 0)
        return rc;

    uint32_t number = hold_slot_of(change.hold);
    struct hold_slot *slot = engine_slot(engine, number);
    bond_set(&engine->bonds[number], change.purchase);
    HOLD_SET(slot, order, order);
    HOLD_SET(slot, verdict, verdict);
    if (status != HOLD_SOLD)
        return 0;
    HOLD_SET(slot, status, HOLD_SOLD);
    if (area > 0) {
        bool ours = engine_turn(engine, change.area, AREA_HELD, AREA_SOLD, change.quantity);
        assert(ours); /* it has just been held */
        return 0;
    }
    for (uint32_t i = 0; i < change.add_count; i++) {
        bool ours =
            seats_turn(&engine->seats, change.seats[i], SEAT_HELD, number, SEAT_SOLD, number);
        assert(ours);
        if (added & SNAPSHOT_PAID)
            engine_pay_as(engine, change.seats[i], paid[i]);
    }
    return 0;
}

static int read_blocked(struct engine *engine, struct wire *wire, struct err_slot *err)
{
    for (uint32_t i = 0; i < plan_area_count(engine->plan); i++) {
        uint32_t places = (uint32_t)wire_get_number(wire, PLAN_AREA_CAPACITY_MAX);
        if (!engine_turn(engine, (uint16_t)i, AREA_FREE, AREA_BLOCKED, places))
            wire_fail(wire, "blocks more places than an area has");
    }
    uint64_t count = wire_get_number(wire, engine->facts->seat_count);
    uint64_t next = 0;
    for (uint64_t i = 0; i < count && wire->bad == NULL; i++) {
        uint64_t seat = next + wire_get_number(wire, PLAN_SEATS_MAX);
        struct change change;
        change_init(&change, CHANGE_BLOCKED, 0);
        change.add_count = 1;
        change.seats[0] = (uint32_t)seat;
        next = seat + 1;
        int rc = wire->bad == NULL ? engine_apply(engine, &change, err) : 0;
        if (rc < 0)
            return rc;
    }
    return wire->bad == NULL ? 0 : err_set(err, ERR_SYNTAX, "snapshot %s", wire->bad);
}

static int read_prices(struct engine *engine, struct wire *wire, bool newest_named,
                       struct err_slot *err)
{
    uint32_t lists = (uint32_t)wire_get_number(wire, PRICE_LISTS_MAX);
    if (lists == 0)
        wire_fail(wire, "has no prices");
    uint32_t newest = lists - 1;
    if (newest_named && wire->bad == NULL)
        newest = (uint32_t)wire_get_number(wire, lists - 1);
    for (uint32_t i = 0; i < lists * engine->categories && wire->bad == NULL; i++)
        atomic_store_explicit(&engine->prices[i], wire_get_number(wire, PLAN_PRICE_MAX),
                              memory_order_relaxed);
    if (wire->bad != NULL)
        return err_set(err, ERR_SYNTAX, "snapshot %s", wire->bad);
    assert(lists <= PRICE_LISTS_MAX);
    atomic_store_explicit(&engine->price_lists, lists, memory_order_release);
    atomic_store_explicit(&engine->price_list, newest, memory_order_release);
    return 0;
}

int engine_snapshot_read(struct engine *engine, const uint8_t *bytes, size_t len,
                         struct err_slot *err)
{
    assert(!engine->holds.live);
    struct wire wire = {.at = bytes, .end = bytes + len};
    uint8_t magic[sizeof(snapshot_magic)], hash[PLAN_HASH_BYTES];
    wire_get_bytes(&wire, magic, sizeof(magic));
    unsigned added = wire_get_byte(&wire) - (unsigned)SNAPSHOT_FORMAT;
    wire_get_bytes(&wire, hash, sizeof(hash));
    if (wire.bad != NULL || memcmp(magic, snapshot_magic, sizeof(magic)) != 0 ||
        added > (SNAPSHOT_NEWEST_NAMED | SNAPSHOT_PAID))
        return err_set(err, ERR_SYNTAX, "snapshot of %zu bytes has no head that we know", len);
    if (memcmp(hash, plan_hash(engine->plan), sizeof(hash)) != 0)
        return err_set(err, ERR_STATE, "snapshot is of another plan");
    engine->fits = true; /* this plan made it */
    engine->holds.generation_base = wire_get_number(&wire, UINT64_MAX >> 24);

    int rc = read_prices(engine, &wire, (added & SNAPSHOT_NEWEST_NAMED) != 0, err);
    if (rc == 0)
        rc = read_blocked(engine, &wire, err);
    if (rc < 0)
        return rc;
    uint64_t holds = wire_get_number(&wire, engine->holds.max);
    for (uint64_t i = 0; i < holds; i++) {
        rc = read_hold(engine, added, &wire, err);
        if (rc < 0)
            return rc;
    }
    uint64_t state = wire_get_hash(&wire);
    if (wire.bad == NULL && wire.at != wire.end)
        wire_fail(&wire, "has bytes left over");
    if (wire.bad != NULL)
        return err_set(err, ERR_SYNTAX, "snapshot %s", wire.bad);
    if (state != engine_state_hash(engine))
        return err_set(err, ERR_STATE, "snapshot does not give the state that it was taken of");
    return 0;
}
