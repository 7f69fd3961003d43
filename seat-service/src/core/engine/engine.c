/* engine.c: creation and destruction of the engine, and the buyers' requests.
 *
 * Every request takes the same path. First it is rejected if it is invalid, a rule forbids it, or
 * its seats are taken. Then it claims the buyer's count, a slot and the seats, in steps that can
 * each be undone. Only the last is contended, so a loser has little to undo. The decision is
 * written into op.change, and the request is not read again: settling, undoing and replay work on
 * the change alone (engine_settle.c, engine_replay.c), so a replayed engine cannot differ from the
 * one that wrote the journal. */
#include "core/engine/engine_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdict_names[ENGINE_VERDICT_COUNT] = {
#define ROW(NAME, CODE, STATUS, TELLS, DETAIL) [ENGINE_##NAME] = CODE,
    ENGINE_VERDICTS(ROW)
#undef ROW
};

const char *engine_verdict_name(enum engine_verdict verdict)
{
    assert(verdict < ENGINE_VERDICT_COUNT);
    return verdict_names[verdict];
}

/* ---- threads ---- */

/* The only per-thread state: the thread's slot number. */
static _Thread_local unsigned thread_slot;

static_assert((int)ENGINE_THREAD_SLOTS_MAX + 1 == (int)HOLD_STASHES, "and the 0 of those without");

void engine_use_thread_slot(unsigned slot)
{
    assert(slot < HOLD_STASHES);
    thread_slot = slot;
}

unsigned engine_thread_slot(void)
{
    return thread_slot;
}

/* ---- life ---- */

/* When the wheel must visit a slot. The wheel's owner does not own the slot: what it reads may be
 * outdated by the time it acts, so acting starts with hold_own(). */
static uint64_t slot_due_ms(void *ctx, uint32_t number)
{
    struct engine *engine = ctx;
    assert(number > 0);
    assert(number <= engine->holds.max);
    const struct hold_slot *slot = engine_slot(engine, number);
    switch (hold_state_of(HOLD_GET(slot, word))) {
    case HOLD_IDLE:
        return HOLD_GET(slot, status) == HOLD_SOLD ? 0 : engine_end_of(engine, slot);
    case HOLD_BUSY:
    case HOLD_WRITING: /* visit again, whatever the outcome */
        return engine->expire_now_ms + EXPIRE_BUSY_MS;
    default:
        return 0; /* being created: settling will touch it */
    }
}

/* Every seat and place may have a hold; some holds are remembered after their end, and some slots
 * are in threads' stashes. */
enum { SPARE_SLOTS = LATE_HOLDS_MAX + HOLD_STASHES * HOLD_STASH_MAX };

static uint32_t slots_for(const struct plan *plan, uint32_t least, uint32_t *places)
{
    uint64_t slots = plan_seat_count(plan);
    for (uint32_t i = 0; i < plan_area_count(plan); i++)
        slots += plan_area(plan, i)->capacity;
    slots = slots > least ? slots : least;
    if (slots > HOLD_SLOTS_MAX - SPARE_SLOTS)
        slots = HOLD_SLOTS_MAX - SPARE_SLOTS;
    assert(slots + SPARE_SLOTS <= HOLD_SLOTS_MAX);
    *places = (uint32_t)slots;
    return (uint32_t)slots + SPARE_SLOTS;
}

static int create_parts(struct engine *engine, const struct engine_conf *conf)
{
    assert(engine->categories <= PLAN_CATEGORIES_MAX);
    assert(engine->limits->max_per_hold >= 1 && engine->limits->max_per_hold <= HOLD_SEATS_MAX);
    static_assert(HOLD_SEATS_MAX <= HOLD_AREA_QUANTITY_MAX, "a limit of seats is one of places");
    uint32_t slots = slots_for(conf->plan, conf->places, &engine->places);
    if (seats_init(&engine->seats, engine->facts) < 0)
        return ERR_NOMEM;
    if (hold_slots_init(&engine->holds, slots) < 0)
        return ERR_NOMEM;
    if (buyers_init(&engine->buyers, engine->places, conf->seed) < 0)
        return ERR_NOMEM;
    if (wheel_init(&engine->wheel, slots, conf->now_ms, slot_due_ms, engine) < 0)
        return ERR_NOMEM;
    if (best_create(conf->plan, &engine->seats, conf->seed, &engine->best) < 0)
        return ERR_NOMEM;
    if (avail_create(conf->plan, &engine->seats, &engine->avail) < 0)
        return ERR_NOMEM;
    engine->late.max = conf->late_max != 0 ? conf->late_max : LATE_HOLDS_MAX;
    engine->late.list = calloc(engine->late.max + 1, sizeof(*engine->late.list));
    engine->areas = calloc(plan_area_count(conf->plan) + 1, sizeof(*engine->areas));
    engine->sessions = calloc((size_t)slots + 1, sizeof(*engine->sessions));
    engine->bonds = calloc((size_t)slots + 1, sizeof(*engine->bonds));
    engine->prices =
        calloc((size_t)PRICE_LISTS_MAX * engine->categories + 1, sizeof(*engine->prices));
    engine->paid = calloc(engine->facts->seat_count + 1, sizeof(*engine->paid));
    if (!engine->late.list || !engine->areas || !engine->sessions || !engine->bonds ||
        !engine->prices || !engine->paid)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < engine->categories; i++)
        atomic_init(&engine->prices[i], plan_category(conf->plan, i)->price);
    atomic_init(&engine->price_lists, 1);
    return 0;
}

int engine_create(const struct engine_conf *conf, struct err_slot *err, struct engine **out)
{
    assert(conf->plan != NULL);
    assert(conf->late_max <= LATE_HOLDS_MAX);
    assert(conf->base <= conf->since);
    struct engine *engine = aligned_alloc(_Alignof(struct engine), sizeof(*engine));
    if (engine == NULL)
        return err_set(err, ERR_NOMEM, "engine");
    memset(engine, 0, sizeof(*engine));
    engine->plan = conf->plan;
    engine->facts = plan_facts(conf->plan);
    engine->limits = plan_limits(conf->plan);
    engine->since = conf->since;
    engine->base = conf->base;
    engine->fits = conf->since <= 1;
    engine->categories = plan_category_count(conf->plan);
    engine->expire_now_ms = conf->now_ms;
    if (create_parts(engine, conf) < 0) {
        uint32_t seats = engine->facts->seat_count;
        engine_destroy(engine);
        return err_set(err, ERR_NOMEM, "engine of %u seats", seats);
    }
    assert(engine->holds.live); /* a fresh event accepts holds at once; replay turns that off */
    *out = engine;
    return 0;
}

void engine_destroy(struct engine *engine)
{
    if (engine == NULL)
        return;
    free(engine->paid);
    free(engine->prices);
    free(engine->areas);
    free(engine->bonds);
    free(engine->sessions);
    free(engine->late.list);
    avail_destroy(engine->avail);
    best_destroy(engine->best);
    wheel_deinit(&engine->wheel);
    buyers_deinit(&engine->buyers);
    hold_slots_deinit(&engine->holds);
    seats_deinit(&engine->seats);
    free(engine);
}

/* ---- what the ops share ---- */

void engine_op_init(struct engine_op *op, enum change_kind kind, uint64_t now_ms)
{
    change_init(&op->change, kind, now_ms);
    op->seat = UINT32_MAX;
    op->limit = op->has = op->searched = 0;
    op->opens_ms = 0;
    op->price = 0;
    op->lost_count = 0;
    memset(&op->own, 0, sizeof(op->own));
}

void engine_set_text(struct change *change, struct span text)
{
    assert(text.len <= CHANGE_TEXT_MAX);
    if (text.len > 0)
        memcpy(change->text, text.ptr, text.len);
    change->text[text.len] = '\0';
    change->text_len = (uint8_t)text.len;
}

uint64_t
engine_hash_text(struct span text) /* FNV-1a: order ids come from the saga, not from users */
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3);
    return hash != 0 ? hash : 1;
}

/* Sorts; false if a seat occurs twice (*twice). */
static bool sort_seats(uint32_t *seats, uint32_t count, uint32_t *twice)
{
    assert(count <= CHANGE_SEATS_MAX);
    for (uint32_t i = 1; i < count; i++) { /* buyers name a few seats, mostly in order */
        uint32_t seat = seats[i];
        uint32_t at = i;
        for (; at > 0 && seats[at - 1] > seat; at--)
            seats[at] = seats[at - 1];
        seats[at] = seat;
        if (at > 0 && seats[at - 1] == seat) {
            *twice = seat;
            return false;
        }
    }
    return true;
}

enum engine_verdict engine_merge(const struct change *change, const uint32_t *own,
                                 uint32_t own_count, uint32_t *out, uint32_t *out_count,
                                 uint32_t *seat)
{
    assert(own_count > 0); /* a hold without seats has ended */
    assert(own_count <= HOLD_SEATS_MAX);
    const uint32_t *add = change->seats;
    const uint32_t *remove = add + change->add_count;
    uint32_t a = 0, r = 0, count = 0;
    for (uint32_t i = 0; i < own_count; i++) {
        for (; a < change->add_count && add[a] < own[i]; a++)
            out[count++] = add[a];
        *seat = own[i];
        if (a < change->add_count && add[a] == own[i])
            return ENGINE_TWICE;
        *seat = r < change->remove_count ? remove[r] : own[i];
        if (r < change->remove_count && remove[r] < own[i])
            return ENGINE_NOT_IN_HOLD;
        if (r < change->remove_count && remove[r] == own[i])
            r++;
        else
            out[count++] = own[i];
    }
    for (; a < change->add_count; a++)
        out[count++] = add[a];
    *seat = r < change->remove_count ? remove[r] : UINT32_MAX;
    assert(count <= own_count + change->add_count);
    assert(count + r == own_count + change->add_count);
    *out_count = count;
    return r < change->remove_count ? ENGINE_NOT_IN_HOLD : ENGINE_OK;
}

uint32_t engine_chain(const struct engine *engine, uint32_t number, uint32_t *seats)
{
    const struct hold_slot *slot = &engine->holds.slots[number];
    uint32_t count = HOLD_GET(slot, area) == CHANGE_AREA_NONE ? HOLD_GET(slot, count) : 0;
    assert(count <= HOLD_SEATS_MAX);
    uint32_t seat = HOLD_GET(slot, first);
    for (uint32_t i = 0; i < count; i++) {
        assert(seat < engine->facts->seat_count);
        assert(i == 0 || seats[i - 1] < seat); /* as link_seats() linked them */
        seats[i] = seat;
        seat = seat_next(seats_read(&engine->seats, seat)) - 1;
    }
    return count;
}

uint64_t engine_total(const struct engine *engine, uint32_t list, const uint32_t *seats,
                      uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += engine_price_at(engine, list, engine_paid(engine, seats[i]));
    return total;
}

uint64_t engine_area_total(const struct engine *engine, uint32_t list, uint16_t area,
                           uint32_t quantity)
{
    assert(quantity <= HOLD_AREA_QUANTITY_MAX);
    return quantity * engine_price_at(engine, list, plan_area(engine->plan, area)->category);
}

enum engine_verdict engine_own(struct engine *engine, uint64_t hold, struct engine_op *op)
{
    assert(op->own.slot == 0); /* an op owns one hold at most */
    op->change.hold = hold;
    switch (hold_own(&engine->holds, hold)) {
    case HOLD_OWNED:
        break;
    case HOLD_IS_BUSY:
        return ENGINE_BUSY;
    case HOLD_NOT_THERE:
        return ENGINE_NO_HOLD;
    }
    op->own.slot = hold_slot_of(hold);
    struct hold_slot *slot = engine_slot(engine, op->own.slot);
    op->change.hold_version = HOLD_GET(slot, version) + 1;
    op->change.price_list = HOLD_GET(slot, price_list);
    op->change.buyer = HOLD_GET(slot, buyer);
    op->change.session = HOLD_GET(slot, session);
    op->change.expires_ms = HOLD_GET(slot, expires_ms);
    op->change.hard_end_ms = HOLD_GET(slot, hard_end_ms);
    return ENGINE_OK;
}

enum engine_verdict engine_disown(struct engine *engine, struct engine_op *op,
                                  enum engine_verdict verdict)
{
    assert(verdict != ENGINE_OK);
    assert(op->own.slot != 0);
    assert(op->own.phase == OP_NONE); /* an op that has begun ends with settle or undo */
    hold_disown(&engine->holds, op->own.slot);
    op->own.slot = 0;
    return verdict;
}

void engine_fill_removed(struct engine *engine, struct engine_op *op)
{
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    op->change.area = HOLD_GET(slot, area);
    op->change.add_count = 0;
    op->change.remove_count = 0;
    if (op->change.area != CHANGE_AREA_NONE)
        op->change.quantity = HOLD_GET(slot, count);
    else
        op->change.remove_count = (uint16_t)engine_chain(engine, op->own.slot, op->change.seats);
    assert(op->change.remove_count > 0 || op->change.area != CHANGE_AREA_NONE);
}

/* Lists the added seats that are not free. */
static void fill_lost(struct engine *engine, struct engine_op *op)
{
    op->lost_count = 0;
    for (uint32_t i = 0; i < op->change.add_count; i++)
        if (seats_is_lost(&engine->seats, op->change.seats[i]))
            op->lost[op->lost_count++] = op->change.seats[i];
    assert(op->lost_count <= op->change.add_count);
}

/* ---- claiming ---- */

/* Claims seats in more than one bitmap. */
static enum claim claim_far(struct engine *engine, const struct engine_op *op, const uint32_t *own,
                            uint32_t own_count, enum seat_state state, enum orphans orphans,
                            struct claim_result *result)
{
    struct take take;
    assert(own_count <= HOLD_SEATS_MAX);
    const struct change *change = &op->change;
    seats_take_init(&take);
    for (uint32_t i = 0; i < change->add_count; i++)
        seats_take_seat(&take, &engine->seats, change->seats[i], TAKE_ADD);
    for (uint32_t i = 0; i < own_count; i++)
        seats_take_seat(&take, &engine->seats, own[i], TAKE_OWN);
    if (own_count > 0)
        for (uint32_t i = change->add_count; i < change->add_count + change->remove_count; i++)
            seats_take_seat(&take, &engine->seats, change->seats[i], TAKE_REMOVE);
    return seats_claim(&engine->seats, &take, state, op->own.slot, orphans,
                       engine_access_is_open(engine, op->change.at_ms), result);
}

enum engine_verdict engine_claim(struct engine *engine, struct engine_op *op, const uint32_t *own,
                                 uint32_t own_count, enum seat_state state, enum orphans orphans)
{
    struct take_word word;
    struct claim_result result;
    bool within = own_count == 0 &&
                  seats_take_within(&word, &engine->seats, op->change.seats, op->change.add_count);
    enum claim claim =
        within ? seats_claim_word(&engine->seats, &word, state, op->own.slot, orphans,
                                  engine_access_is_open(engine, op->change.at_ms), &result)
               : claim_far(engine, op, own, own_count, state, orphans, &result);
    switch (claim) {
    case CLAIM_DONE:
        if (result.orphan != UINT32_MAX)
            op->change.flags |= CHANGE_FLAG_ORPHAN;
        return ENGINE_OK;
    case CLAIM_LOST:
        fill_lost(engine, op);
        return ENGINE_TAKEN;
    case CLAIM_ORPHAN:
        op->seat = result.orphan;
        return ENGINE_ORPHAN;
    case CLAIM_BUSY:
        break;
    }
    return ENGINE_FULL;
}

void engine_unclaim(struct engine *engine, struct engine_op *op, enum seat_state state)
{
    for (uint32_t i = op->change.add_count; i-- > 0;) {
        bool ours =
            seats_turn(&engine->seats, op->change.seats[i], state, op->own.slot, SEAT_FREE, 0);
        assert(ours);
    }
}

/* Returns whether best available would do better for as many seats of these categories. Adjacent
 * seats that leave a single seat are outdone only by other adjacent seats; seats apart, by any
 * choice that leaves none and by any adjacent seats. */
static bool is_outdone(struct engine *engine, const struct engine_who *who, const uint32_t *seats,
                       uint32_t count, uint64_t now_ms, struct engine_op *op)
{
    struct best_ask ask;
    struct best_pick pick;
    uint64_t categories = 0;
    unsigned flags = 0;
    assert(op->seat < engine->facts->seat_count); /* the seat that would be left single */
    if (!engine_best_ask(engine, who, ENGINE_CATEGORY_ANY, count, false, now_ms, &ask, op))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        categories |= UINT64_C(1) << engine->facts->category[seats[i]];
        flags |= plan_flags_of(engine->facts, seats[i]);
    }
    ask.categories &= categories;
    ask.access_need = ask.access_need && (flags & PLAN_SEAT_ACCESSIBLE) != 0;
    enum best_step chosen =
        op->change.flags & CHANGE_FLAG_ADJACENT ? BEST_ADJACENT_ORPHAN : BEST_PIECES_ORPHAN;
    enum best_step found = best_find(engine->best, &ask, 0, &pick);
    op->searched += pick.work;
    return found < chosen;
}

/* As engine_claim(), but leaves no seat single either once the visit gives another hold back. Looks
 * after the claim: of two concurrent requests of a visit at least one then sees the other. */
static enum engine_verdict claim_in_visit(struct engine *engine, struct engine_op *op,
                                          const uint32_t *seats, uint32_t count,
                                          const uint32_t *own, uint32_t own_count,
                                          enum orphans orphans, uint64_t now_ms)
{
    assert(op->own.slot != 0);             /* it is not another hold of the visit */
    assert(count >= op->change.add_count); /* `seats` has the added ones, too */
    enum engine_verdict verdict = engine_claim(engine, op, own, own_count, SEAT_HELD, orphans);
    if (verdict != ENGINE_OK || orphans != ORPHANS_REFUSED)
        return verdict;
    const struct seats_visit visit = {&engine->holds, op->change.session, op->own.slot, true};
    uint32_t stranded =
        seats_stranded(&engine->seats, &visit, engine_access_is_open(engine, now_ms),
                       op->change.seats, op->change.add_count, seats, count);
    if (stranded == UINT32_MAX)
        return ENGINE_OK;
    engine_unclaim(engine, op, SEAT_HELD);
    op->seat = stranded;
    return ENGINE_ORPHAN;
}

/* Claims the added seats, so that the hold has `seats`. No single seat may be left over, now or
 * once the visit gives another hold back, except as a last resort. */
static enum engine_verdict claim_by_rule(struct engine *engine, const struct engine_who *who,
                                         const uint32_t *seats, uint32_t count, const uint32_t *own,
                                         uint32_t own_count, uint64_t now_ms, struct engine_op *op)
{
    assert(count == own_count + op->change.add_count - op->change.remove_count);
    enum engine_verdict verdict =
        claim_in_visit(engine, op, seats, count, own, own_count,
                       engine->limits->orphan_rule ? ORPHANS_REFUSED : ORPHANS_IGNORED, now_ms);
    if (verdict != ENGINE_ORPHAN || is_outdone(engine, who, seats, count, now_ms, op))
        return verdict;
    op->change.flags |= CHANGE_FLAG_LAST_RESORT;
    return engine_claim(engine, op, own, own_count, SEAT_HELD, ORPHANS_TOLD);
}

enum engine_verdict engine_count_buyer(struct engine *engine, uint64_t buyer, uint32_t places,
                                       struct engine_op *op)
{
    assert(op->own.buyer_places == 0); /* counted once per op, so that an undo is exact */
    op->limit = engine->limits->max_per_buyer;
    if (op->limit == 0 || places == 0)
        return ENGINE_OK;
    switch (buyers_add(&engine->buyers, buyer, places, op->limit, &op->has)) {
    case BUYERS_ADDED:
        op->own.buyer_places = places;
        return ENGINE_OK;
    case BUYERS_OVER:
        return ENGINE_BUYER_LIMIT;
    case BUYERS_FULL:
        break;
    }
    return ENGINE_FULL;
}

static void uncount_buyer(struct engine *engine, struct engine_op *op)
{
    if (op->own.buyer_places > 0)
        buyers_sub(&engine->buyers, op->change.buyer, op->own.buyer_places);
    op->own.buyer_places = 0;
}

static bool are_adjacent(const struct engine *engine, const uint32_t *seats, uint32_t count)
{
    assert(count > 0);
    const struct plan_facts *facts = engine->facts;
    uint32_t low = plan_pos_of(facts, seats[0]), high = low;
    for (uint32_t i = 1; i < count; i++) {
        if (facts->run[seats[i]] != facts->run[seats[0]])
            return false;
        low = plan_pos_of(facts, seats[i]) < low ? plan_pos_of(facts, seats[i]) : low;
        high = plan_pos_of(facts, seats[i]) > high ? plan_pos_of(facts, seats[i]) : high;
    }
    assert(high - low + 1 >= count); /* no seat occurs twice */
    return high - low + 1 == count;
}

/* ---- hold ---- */

/* The newest price list, for a new hold. The slot names the list before we check that it is still
 * the newest, so a later price change sees our slot and does not reuse the list. */
static uint16_t give_list(struct engine *engine, struct hold_slot *slot)
{
    for (;;) {
        /* seq_cst, all three: pair with settle_priced() and engine_lists_used() */
        uint32_t list = atomic_load_explicit(&engine->price_list, memory_order_seq_cst);
        atomic_store_explicit(&slot->price_list, (uint16_t)list, memory_order_seq_cst);
        if (atomic_load_explicit(&engine->price_list, memory_order_seq_cst) == list)
            return (uint16_t)list;
    }
}

/* Ends a take after the count and the slot: frees both unless the claim succeeded. */
static enum engine_verdict end_take(struct engine *engine, struct engine_op *op,
                                    enum engine_verdict verdict)
{
    assert(verdict != ENGINE_OK || op->own.slot != 0);
    if (verdict == ENGINE_OK)
        return engine_op_begun(op);
    if (op->own.slot != 0)
        hold_end(&engine->holds, op->own.slot, thread_slot);
    op->own.slot = 0;
    uncount_buyer(engine, op);
    return verdict;
}

static enum engine_verdict begin_take(struct engine *engine, const struct engine_ask *ask,
                                      uint32_t places, uint64_t now_ms, struct engine_op *op)
{
    struct change *change = &op->change;
    change->buyer = ask->who.buyer;
    change->session = ask->who.session;
    change->hold_version = 1;
    change->hard_end_ms = now_ms + engine->limits->hold_max_ms;
    change->expires_ms = now_ms + engine->limits->hold_ttl_ms;
    if (change->expires_ms > change->hard_end_ms)
        change->expires_ms = change->hard_end_ms;
    assert(change->expires_ms >= now_ms);
    enum engine_verdict verdict = engine_count_buyer(engine, ask->who.buyer, places, op);
    if (verdict != ENGINE_OK)
        return verdict;
    op->own.slot = hold_give(&engine->holds, thread_slot);
    if (op->own.slot == 0)
        return end_take(engine, op, ENGINE_FULL);
    /* Set before the commit: another take of the same visit may come meanwhile. */
    HOLD_SET(engine_slot(engine, op->own.slot), session, ask->who.session);
    op->change.hold = hold_id(&engine->holds, op->own.slot);
    op->change.price_list = give_list(engine, engine_slot(engine, op->own.slot));
    assert(hold_slot_of(op->change.hold) == op->own.slot);
    return ENGINE_OK;
}

enum engine_verdict engine_named(const struct engine *engine, const uint32_t *seats, uint32_t count,
                                 struct engine_op *op, uint32_t *out)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = seats[i];
        if (seats[i] >= engine->facts->seat_count) {
            op->seat = seats[i];
            return ENGINE_UNKNOWN;
        }
    }
    return sort_seats(out, count, &op->seat) ? ENGINE_OK : ENGINE_TWICE;
}

static enum engine_verdict hold_seats(struct engine *engine, const struct engine_ask *ask,
                                      uint64_t now_ms, struct engine_op *op)
{
    struct change *change = &op->change;
    if (ask->seat_count == 0)
        return ENGINE_NO_SEATS;
    op->limit = engine->limits->max_per_hold;
    if (ask->seat_count > op->limit)
        return ENGINE_TOO_MANY;
    enum engine_verdict verdict =
        engine_named(engine, ask->seats, ask->seat_count, op, change->seats);
    if (verdict != ENGINE_OK)
        return verdict;
    change->add_count = (uint16_t)ask->seat_count;
    verdict = engine_rules(engine, &ask->who, change->seats, change->add_count, change->seats,
                           change->add_count, now_ms, op);
    if (verdict != ENGINE_OK)
        return verdict;
    fill_lost(engine, op);
    if (op->lost_count > 0)
        return ENGINE_TAKEN;

    verdict = begin_take(engine, ask, change->add_count, now_ms, op);
    if (verdict != ENGINE_OK)
        return verdict;
    if (are_adjacent(engine, change->seats, change->add_count))
        change->flags |= CHANGE_FLAG_ADJACENT;
    change->total = engine_total(engine, change->price_list, change->seats, change->add_count);
    verdict =
        claim_by_rule(engine, &ask->who, change->seats, change->add_count, NULL, 0, now_ms, op);
    return end_take(engine, op, verdict);
}

static enum engine_verdict hold_area(struct engine *engine, const struct engine_ask *ask,
                                     uint64_t now_ms, struct engine_op *op)
{
    assert(ask->area != ENGINE_AREA_NONE);
    struct change *change = &op->change;
    if (ask->area >= plan_area_count(engine->plan))
        return ENGINE_UNKNOWN;
    if (ask->quantity == 0)
        return ENGINE_NO_SEATS;
    op->limit = engine->limits->max_per_hold;
    if (ask->quantity > op->limit)
        return ENGINE_TOO_MANY;
    enum engine_verdict verdict = engine_rules_area(engine, &ask->who, ask->area, now_ms, op);
    if (verdict != ENGINE_OK)
        return verdict;
    verdict = begin_take(engine, ask, ask->quantity, now_ms, op);
    if (verdict != ENGINE_OK)
        return verdict;
    change->area = ask->area;
    change->quantity = ask->quantity;
    change->total = engine_area_total(engine, change->price_list, change->area, change->quantity);
    bool taken = engine_turn(engine, ask->area, AREA_FREE, AREA_HELD, ask->quantity);
    return end_take(engine, op, taken ? ENGINE_OK : ENGINE_SOLD_OUT);
}

/* Tries to claim the best pick. If another thread was faster, searches again, further afield. */
static enum engine_verdict claim_best(struct engine *engine, const struct engine_ask *ask,
                                      const struct best_ask *best, uint64_t now_ms,
                                      struct engine_op *op)
{
    struct change *change = &op->change;
    enum engine_verdict verdict = ENGINE_SOLD_OUT;
    for (unsigned attempt = 0; attempt < BEST_RETRIES_MAX; attempt++) {
        struct best_pick pick;
        enum best_step step = best_find(engine->best, best, attempt, &pick);
        op->searched += pick.work;
        if (step == BEST_NONE)
            return ENGINE_SOLD_OUT;
        assert(pick.count == ask->quantity);
        assert(op->own.slot != 0);
        memcpy(change->seats, pick.seats, pick.count * sizeof(pick.seats[0]));
        change->add_count = (uint16_t)pick.count;
        uint32_t twice;
        bool sorted = sort_seats(change->seats, change->add_count, &twice);
        assert(sorted);
        verdict = engine_rules(engine, &ask->who, change->seats, change->add_count, change->seats,
                               change->add_count, now_ms, op);
        if (verdict != ENGINE_OK)
            return verdict;
        bool orphans = step == BEST_ADJACENT_ORPHAN || step == BEST_PIECES_ORPHAN;
        change->flags = CHANGE_FLAG_BEST;
        if (step <= BEST_ADJACENT_ORPHAN || are_adjacent(engine, change->seats, pick.count))
            change->flags |= CHANGE_FLAG_ADJACENT;
        verdict = claim_in_visit(engine, op, change->seats, pick.count, NULL, 0,
                                 !best->orphan_rule ? ORPHANS_IGNORED
                                 : orphans          ? ORPHANS_TOLD
                                                    : ORPHANS_REFUSED,
                                 now_ms);
        if (verdict == ENGINE_OK) {
            if (change->flags & CHANGE_FLAG_ORPHAN)
                change->flags |= CHANGE_FLAG_LAST_RESORT;
            change->total =
                engine_total(engine, change->price_list, change->seats, change->add_count);
            return ENGINE_OK;
        }
        /* relaxed: a statistic */
        atomic_fetch_add_explicit(&engine->best_retries, 1, memory_order_relaxed);
    }
    return verdict;
}

/* Checks the request and fills in what to search for. */
static enum engine_verdict best_of(struct engine *engine, const struct engine_ask *ask,
                                   uint64_t now_ms, struct engine_op *op, struct best_ask *best)
{
    if (ask->quantity == 0)
        return ENGINE_NO_SEATS;
    op->limit = engine->limits->max_per_hold;
    if (ask->quantity > op->limit)
        return ENGINE_TOO_MANY;
    if (ask->category != ENGINE_CATEGORY_ANY && ask->category >= engine->categories)
        return ENGINE_UNKNOWN;
    return engine_best_ask(engine, &ask->who, ask->category, ask->quantity, ask->adjacent, now_ms,
                           best, op)
               ? ENGINE_OK
               : ENGINE_NOT_ON_SALE;
}

static enum engine_verdict hold_best(struct engine *engine, const struct engine_ask *ask,
                                     uint64_t now_ms, struct engine_op *op)
{
    struct best_ask best;
    enum engine_verdict verdict = best_of(engine, ask, now_ms, op, &best);
    if (verdict != ENGINE_OK)
        return verdict;
    assert(best.categories != 0);
    verdict = begin_take(engine, ask, ask->quantity, now_ms, op);
    if (verdict != ENGINE_OK)
        return verdict;
    best_enter(engine->best);
    verdict = claim_best(engine, ask, &best, now_ms, op);
    best_leave(engine->best);
    return end_take(engine, op, verdict);
}

enum engine_verdict engine_hold(struct engine *engine, const struct engine_ask *ask,
                                uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_TAKEN, now_ms);
    bool in_area = ask->area != ENGINE_AREA_NONE;
    if ((ask->seat_count > 0) + in_area + ask->best > 1)
        return ENGINE_MIXED;
    if (in_area)
        return hold_area(engine, ask, now_ms, op);
    if (ask->best)
        return hold_best(engine, ask, now_ms, op);
    return hold_seats(engine, ask, now_ms, op);
}

/* ---- change ---- */

/* A hold keeps its price list, so it cannot add places of a category whose price has changed. */
static bool has_changed_price(const struct engine *engine, uint32_t category, struct engine_op *op)
{
    op->price = engine_price_at(engine, engine_newest_list(engine), category);
    return op->price != engine_price_at(engine, op->change.price_list, category);
}

static enum engine_verdict change_seats(struct engine *engine, const struct engine_who *who,
                                        const struct engine_edit *edit, uint64_t now_ms,
                                        struct engine_op *op)
{
    struct change *change = &op->change;
    uint32_t own[HOLD_SEATS_MAX], all[2 * HOLD_SEATS_MAX], count;
    uint32_t own_count = engine_chain(engine, op->own.slot, own);
    if (edit->quantity != 0)
        return ENGINE_MIXED;
    op->limit = engine->limits->max_per_hold;
    if (edit->add_count > op->limit || edit->remove_count > HOLD_SEATS_MAX)
        return ENGINE_TOO_MANY;
    enum engine_verdict verdict =
        engine_named(engine, edit->add, edit->add_count, op, change->seats);
    if (verdict == ENGINE_OK)
        verdict = engine_named(engine, edit->remove, edit->remove_count, op,
                               change->seats + edit->add_count);
    if (verdict != ENGINE_OK)
        return verdict;
    change->add_count = (uint16_t)edit->add_count;
    change->remove_count = (uint16_t)edit->remove_count;
    verdict = engine_merge(change, own, own_count, all, &count, &op->seat);
    if (verdict != ENGINE_OK)
        return verdict;
    if (count == 0 || edit->add_count + edit->remove_count == 0)
        return ENGINE_NO_SEATS;
    if (count > op->limit)
        return ENGINE_TOO_MANY;
    verdict = engine_rules(engine, who, all, count, change->seats, change->add_count, now_ms, op);
    if (verdict != ENGINE_OK)
        return verdict;
    fill_lost(engine, op);
    if (op->lost_count > 0)
        return ENGINE_TAKEN;
    for (uint32_t i = 0; i < change->add_count; i++) {
        op->seat = change->seats[i];
        if (has_changed_price(engine, engine->facts->category[op->seat], op))
            return ENGINE_PRICE_CHANGED;
    }
    verdict =
        engine_count_buyer(engine, change->buyer, count > own_count ? count - own_count : 0, op);
    if (verdict != ENGINE_OK)
        return verdict;
    if (are_adjacent(engine, all, count))
        change->flags |= CHANGE_FLAG_ADJACENT;
    change->total = engine_total(engine, change->price_list, all, count);
    verdict = claim_by_rule(engine, who, all, count, own, own_count, now_ms, op);
    if (verdict != ENGINE_OK)
        uncount_buyer(engine, op);
    return verdict;
}

static enum engine_verdict change_area(struct engine *engine, const struct engine_who *who,
                                       const struct engine_edit *edit, uint64_t now_ms,
                                       struct engine_op *op)
{
    struct change *change = &op->change;
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    uint32_t was = HOLD_GET(slot, count);
    assert(was > 0);
    change->area = HOLD_GET(slot, area);
    if (edit->add_count + edit->remove_count > 0)
        return ENGINE_MIXED;
    if (edit->quantity == 0)
        return ENGINE_NO_SEATS;
    op->limit = engine->limits->max_per_hold;
    if (edit->quantity > op->limit)
        return ENGINE_TOO_MANY;
    uint32_t more = edit->quantity > was ? edit->quantity - was : 0;
    /* As with seats, the sale's times and channels concern only what is added. */
    enum engine_verdict verdict =
        more > 0 ? engine_rules_area(engine, who, change->area, now_ms, op) : ENGINE_OK;
    if (verdict != ENGINE_OK)
        return verdict;
    if (more > 0 && has_changed_price(engine, plan_area(engine->plan, change->area)->category, op))
        return ENGINE_PRICE_CHANGED;
    verdict = engine_count_buyer(engine, change->buyer, more, op);
    if (verdict != ENGINE_OK)
        return verdict;
    change->quantity = edit->quantity;
    change->total = engine_area_total(engine, change->price_list, change->area, change->quantity);
    op->own.quantity_was = was;
    if (more == 0 || engine_turn(engine, change->area, AREA_FREE, AREA_HELD, more))
        return ENGINE_OK;
    uncount_buyer(engine, op);
    return ENGINE_SOLD_OUT;
}

/* Checks whether this session may change the owned hold. */
static enum engine_verdict check_buyers_hold(struct engine *engine, uint64_t session,
                                             uint64_t now_ms, struct engine_op *op)
{
    assert(op->own.slot != 0);
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    if (op->change.session != session)
        return ENGINE_NO_HOLD; /* does not reveal that the hold exists */
    if (HOLD_GET(slot, status) == HOLD_SOLD)
        return ENGINE_SOLD;
    if (HOLD_GET(slot, status) == HOLD_LATE || now_ms >= op->change.expires_ms)
        return ENGINE_EXPIRED;
    return HOLD_GET(slot, order) != 0 ? ENGINE_PAYING : ENGINE_OK;
}

enum engine_verdict engine_change(struct engine *engine, uint64_t hold,
                                  const struct engine_who *who, const struct engine_edit *edit,
                                  uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_CHANGED, now_ms);
    enum engine_verdict verdict = engine_own(engine, hold, op);
    if (verdict != ENGINE_OK)
        return verdict;
    verdict = check_buyers_hold(engine, who->session, now_ms, op);
    if (verdict == ENGINE_OK) {
        bool in_area = HOLD_GET(engine_slot(engine, op->own.slot), area) != CHANGE_AREA_NONE;
        verdict = in_area ? change_area(engine, who, edit, now_ms, op)
                          : change_seats(engine, who, edit, now_ms, op);
    }
    return verdict == ENGINE_OK ? engine_op_begun(op) : engine_disown(engine, op, verdict);
}

enum engine_verdict engine_release(struct engine *engine, uint64_t hold, uint64_t session,
                                   uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_RELEASED, now_ms);
    enum engine_verdict verdict = engine_own(engine, hold, op);
    if (verdict != ENGINE_OK)
        return verdict;
    verdict = check_buyers_hold(engine, session, now_ms, op);
    if (verdict != ENGINE_OK)
        return engine_disown(engine, op, verdict);
    engine_fill_removed(engine, op);
    return engine_op_begun(op);
}

/* ---- proposals and alternatives ---- */

static void fill_offer(const struct engine *engine, const struct best_pick *pick,
                       struct engine_offer *out)
{
    out->count = pick->count;
    memcpy(out->seats, pick->seats, pick->count * sizeof(pick->seats[0]));
    out->total = engine_total(engine, engine_newest_list(engine), pick->seats, pick->count);
}

enum engine_verdict engine_propose(struct engine *engine, const struct engine_ask *ask,
                                   uint64_t now_ms, struct engine_op *op, struct engine_offer *out)
{
    engine_op_init(op, CHANGE_TAKEN, now_ms);
    struct best_ask best;
    enum engine_verdict verdict = best_of(engine, ask, now_ms, op, &best);
    if (verdict != ENGINE_OK)
        return verdict;
    struct best_pick pick;
    best_enter(engine->best);
    enum best_step step = best_find(engine->best, &best, 0, &pick);
    best_leave(engine->best);
    op->searched = pick.work;
    if (step == BEST_NONE)
        return ENGINE_SOLD_OUT;
    assert(pick.count == ask->quantity);
    fill_offer(engine, &pick, out);
    return ENGINE_OK;
}

uint32_t engine_alternatives(struct engine *engine, const struct engine_ask *ask, uint64_t now_ms,
                             struct engine_offer out[ALTERNATIVES_MAX], uint32_t *searched)
{
    struct engine_op op;
    struct best_ask best;
    struct best_pick picks[ALTERNATIVES_MAX];
    engine_op_init(&op, CHANGE_TAKEN, now_ms);
    *searched = 0;
    if (ask->seat_count == 0 || ask->seat_count > HOLD_SEATS_MAX ||
        !engine_best_ask(engine, &ask->who, ENGINE_CATEGORY_ANY, ask->seat_count, true, now_ms,
                         &best, &op))
        return 0;
    uint64_t categories = 0;
    for (uint32_t i = 0; i < ask->seat_count; i++) {
        if (ask->seats[i] >= engine->facts->seat_count)
            return 0;
        categories |= UINT64_C(1) << engine->facts->category[ask->seats[i]];
    }
    best.categories &= categories;
    uint32_t count = best_near(engine->best, &best, ask->seats[ask->seat_count / 2], picks,
                               ALTERNATIVES_MAX, searched);
    assert(count <= ALTERNATIVES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        assert(picks[i].count == ask->seat_count);
        fill_offer(engine, &picks[i], &out[i]);
    }
    return count;
}
