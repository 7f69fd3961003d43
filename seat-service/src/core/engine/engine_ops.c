/* engine_ops.c: ops of the saga and the operator, and expiry.
 *
 * Confirm, release, refund, move and expiry all begin by taking ownership of the hold (hold.c).
 * Among concurrent ops the first one wins; the others are retried and then find its result:
 *
 *     expiry, then confirm    the hold is LATE and remembers its seats: if all are free, they are
 *                             taken again (retaken); if not, the answer is "gone" and the saga
 *                             refunds
 *     confirm, then expiry    the hold is SOLD, the wheel finds nothing to do
 *     release, then either    there is no hold: its id fits no slot any more. So too if it had
 *                             expired before: an order does not get back what it gave back
 *
 * An expired hold that never had an order is not remembered. */
#include "core/engine/engine_internal.h"
#include "sale/purchase.h"

#include <assert.h>
#include <string.h>

/* ---- the saga ---- */

/* Checks that the hold belongs to this order. */
static enum engine_verdict check_order(const struct engine *engine, const struct engine_op *op,
                                       struct span order)
{
    assert(op->own.slot != 0);
    uint64_t has = HOLD_GET(&engine->holds.slots[op->own.slot], order);
    if (has == 0)
        return ENGINE_NO_ORDER;
    return has == engine_hash_text(order) ? ENGINE_OK : ENGINE_OTHER_ORDER;
}

/* Hands the owned hold to this buyer; until the op ends, it counts for both buyers. */
static enum engine_verdict hand_over(struct engine *engine, uint64_t buyer_or_0,
                                     struct engine_op *op)
{
    assert(op->own.slot != 0);
    assert(HOLD_GET(engine_slot(engine, op->own.slot), order) == 0);
    if (buyer_or_0 == 0 || buyer_or_0 == op->change.buyer)
        return ENGINE_OK;
    op->change.buyer = buyer_or_0;
    return engine_count_buyer(engine, buyer_or_0,
                              HOLD_GET(engine_slot(engine, op->own.slot), count), op);
}

/* For an owned hold of an order: returns whether `digest` differs from the stored one. */
static bool differs(const struct engine *engine, const struct engine_op *op, const uint8_t *digest)
{
    assert(HOLD_GET(&engine->holds.slots[op->own.slot], order) != 0); /* else none is stored */
    uint8_t kept[CHANGE_HASH_BYTES];
    bond_get(&engine->bonds[op->own.slot], kept);
    return digest != NULL && !purchase_digest_is_none(kept) &&
           memcmp(kept, digest, sizeof(kept)) != 0;
}

enum engine_verdict engine_extend(struct engine *engine, uint64_t hold,
                                  const struct engine_order *order, uint64_t pay_ttl_ms,
                                  uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_EXTENDED, now_ms);
    engine_set_text(&op->change, order->id);
    enum engine_verdict verdict = engine_own(engine, hold, op);
    if (verdict != ENGINE_OK)
        return verdict;
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    const struct engine_purchase *purchase = order->purchase;
    uint64_t has = HOLD_GET(slot, order);
    uint64_t expires_ms = HOLD_GET(slot, expires_ms);
    uint64_t wanted_ms = now_ms + pay_ttl_ms;
    if (has != 0 && has != engine_hash_text(order->id))
        verdict = ENGINE_OTHER_ORDER;
    else if (HOLD_GET(slot, status) == HOLD_LATE)
        verdict = ENGINE_EXPIRED;
    else if (has != 0) /* an order gets one extension */
        verdict = purchase != NULL && differs(engine, op, purchase->digest) ? ENGINE_DIFFERS
                                                                            : ENGINE_SAME;
    else if (HOLD_GET(slot, status) == HOLD_SOLD)
        verdict = ENGINE_SOLD;
    else if (now_ms >= expires_ms)
        verdict = ENGINE_EXPIRED;
    else if (purchase != NULL && !engine_costs(engine, op, purchase))
        verdict = ENGINE_DIFFERS;
    else
        verdict = hand_over(engine, order->buyer, op);
    if (verdict != ENGINE_OK)
        return engine_disown(engine, op, verdict);

    if (wanted_ms > op->change.hard_end_ms)
        wanted_ms = op->change.hard_end_ms;
    assert(has == 0);
    assert(now_ms < op->change.hard_end_ms); /* every hold expires by then */
    assert(op->own.late == 0);               /* only expired holds are remembered */
    op->change.expires_ms = wanted_ms > expires_ms ? wanted_ms : expires_ms;
    assert(op->change.expires_ms >= expires_ms);
    assert(op->change.expires_ms <= op->change.hard_end_ms);
    if (purchase != NULL)
        memcpy(op->change.purchase, purchase->digest, sizeof(op->change.purchase));
    return engine_op_begun(op);
}

/* The hold expired during payment: claims its seats again if all of them are free. */
static enum engine_verdict retake(struct engine *engine, struct engine_op *op)
{
    assert(HOLD_GET(engine_slot(engine, op->own.slot), status) == HOLD_LATE);
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    struct change *change = &op->change;
    uint32_t count = HOLD_GET(slot, count);
    assert(op->own.buyer_places == 0);
    change->verdict = CHANGE_VERDICT_RETAKEN;
    if (change->area != CHANGE_AREA_NONE) {
        change->quantity = count;
        change->total = engine_area_total(engine, change->price_list, change->area, count);
        if (!engine_turn(engine, change->area, AREA_FREE, AREA_HELD, count))
            return ENGINE_GONE;
    } else if (HOLD_GET(slot, first) == 0) {
        return ENGINE_GONE; /* its seats are no longer known */
    } else {
        assert(HOLD_GET(slot, first) <= engine->late.max);
        assert(count <= HOLD_SEATS_MAX); /* remember() stores no more */
        const struct late *late = &engine->late.list[HOLD_GET(slot, first)];
        memcpy(change->seats, late->seats, count * sizeof(late->seats[0]));
        change->add_count = (uint16_t)count;
        change->total = engine_total(engine, change->price_list, change->seats, count);
        enum engine_verdict verdict = engine_claim(engine, op, NULL, 0, SEAT_HELD, ORPHANS_IGNORED);
        if (verdict != ENGINE_OK)
            return verdict == ENGINE_TAKEN ? ENGINE_GONE : verdict;
    }
    /* Counted but not limited: the order is paid. */
    uint32_t has;
    if (engine->limits->max_per_buyer == 0 ||
        buyers_add(&engine->buyers, change->buyer, count, BUYERS_NO_LIMIT, &has) == BUYERS_ADDED) {
        op->own.buyer_places = engine->limits->max_per_buyer != 0 ? count : 0;
        return ENGINE_OK;
    }
    engine_undo_added(engine, op);
    return ENGINE_FULL;
}

static void fill_confirmed(const struct engine *engine, struct engine_op *op)
{
    const struct hold_slot *slot = &engine->holds.slots[op->own.slot];
    struct change *change = &op->change;
    change->verdict = CHANGE_VERDICT_CONFIRMED;
    if (change->area != CHANGE_AREA_NONE) {
        change->quantity = HOLD_GET(slot, count);
        change->total =
            engine_area_total(engine, change->price_list, change->area, change->quantity);
    } else {
        change->add_count = (uint16_t)engine_chain(engine, op->own.slot, change->seats);
        change->total = engine_total(engine, change->price_list, change->seats, change->add_count);
    }
    assert(change->add_count > 0 || change->quantity > 0); /* a sale is never empty */
}

enum engine_verdict engine_confirm(struct engine *engine, uint64_t hold, struct span order,
                                   const uint8_t *digest, uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_CONFIRMED, now_ms);
    engine_set_text(&op->change, order);
    enum engine_verdict verdict = engine_own(engine, hold, op);
    if (verdict != ENGINE_OK)
        return verdict;
    verdict = check_order(engine, op, order);
    if (verdict == ENGINE_OK && differs(engine, op, digest))
        verdict = ENGINE_DIFFERS;
    if (verdict != ENGINE_OK)
        return engine_disown(engine, op, verdict);

    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    op->change.area = HOLD_GET(slot, area);
    switch ((enum hold_status)HOLD_GET(slot, status)) {
    case HOLD_OPEN: /* even if it has expired: the order is paid */
        fill_confirmed(engine, op);
        break;
    case HOLD_SOLD:
        fill_confirmed(engine, op);
        op->change.verdict = HOLD_GET(slot, verdict);
        op->change.hold_version--;
        return engine_disown(engine, op, ENGINE_SAME);
    case HOLD_LATE:
        verdict = retake(engine, op);
        break;
    }
    return verdict == ENGINE_OK ? engine_op_begun(op) : engine_disown(engine, op, verdict);
}

/* For an owned hold that is not sold. `early`: even if it has no order yet; an extend still on its
 * way will then find no hold. */
static enum engine_verdict begin_giving_back(struct engine *engine, struct engine_op *op,
                                             struct span order, bool early)
{
    assert(HOLD_GET(engine_slot(engine, op->own.slot), status) != HOLD_SOLD);
    enum engine_verdict verdict = check_order(engine, op, order);
    if (verdict != ENGINE_OK && !(early && verdict == ENGINE_NO_ORDER))
        return verdict;
    if (HOLD_GET(engine_slot(engine, op->own.slot), status) == HOLD_LATE) {
        op->change.kind = CHANGE_FORGOTTEN; /* it holds no seats, but a confirm could retake them */
        return ENGINE_OK;
    }
    op->change.kind = CHANGE_RELEASED;
    engine_fill_removed(engine, op);
    return ENGINE_OK;
}

enum engine_verdict engine_order_release(struct engine *engine, uint64_t hold, struct span order,
                                         uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_RELEASED, now_ms);
    engine_set_text(&op->change, order);
    enum engine_verdict verdict = engine_own(engine, hold, op);
    if (verdict != ENGINE_OK)
        return verdict;
    if (HOLD_GET(engine_slot(engine, op->own.slot), status) == HOLD_SOLD)
        verdict = check_order(engine, op, order) == ENGINE_OK ? ENGINE_SOLD : ENGINE_OTHER_ORDER;
    else
        verdict = begin_giving_back(engine, op, order, true);
    return verdict == ENGINE_OK ? engine_op_begun(op) : engine_disown(engine, op, verdict);
}

static void total_refunded(struct engine *engine, struct engine_op *op)
{
    assert(HOLD_GET(engine_slot(engine, op->own.slot), status) == HOLD_SOLD);
    if (op->change.area != CHANGE_AREA_NONE)
        op->change.total =
            engine_area_total(engine, op->change.price_list, op->change.area, op->change.quantity);
    else
        op->change.total =
            engine_total(engine, op->change.price_list, op->change.seats, op->change.remove_count);
}

/* A refund cannot know whether an earlier confirm got through or is still on its way, so an unsold
 * hold is given back too, and can never be sold. */
enum engine_verdict engine_refund(struct engine *engine, uint64_t hold, struct span order,
                                  uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_REFUNDED, now_ms);
    engine_set_text(&op->change, order);
    enum engine_verdict verdict = engine_own(engine, hold, op);
    if (verdict != ENGINE_OK)
        return verdict;
    if (HOLD_GET(engine_slot(engine, op->own.slot), status) == HOLD_SOLD) {
        verdict = check_order(engine, op, order);
        if (verdict == ENGINE_OK) {
            engine_fill_removed(engine, op);
            total_refunded(engine, op);
        }
    } else {
        verdict = begin_giving_back(engine, op, order, false);
    }
    return verdict == ENGINE_OK ? engine_op_begun(op) : engine_disown(engine, op, verdict);
}

/* ---- the operator ---- */

static enum engine_verdict fill_named(const struct engine *engine, const uint32_t *seats,
                                      uint32_t count, uint32_t max, struct engine_op *op,
                                      uint32_t *out)
{
    assert(max <= CHANGE_SEATS_MAX);
    if (count == 0)
        return ENGINE_NO_SEATS;
    op->limit = max;
    if (count > max)
        return ENGINE_TOO_MANY;
    return engine_named(engine, seats, count, op, out);
}

enum engine_verdict engine_block(struct engine *engine, const uint32_t *seats, uint32_t count,
                                 struct span reason, uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_BLOCKED, now_ms);
    engine_set_text(&op->change, reason);
    enum engine_verdict verdict =
        fill_named(engine, seats, count, CHANGE_SEATS_MAX, op, op->change.seats);
    if (verdict != ENGINE_OK)
        return verdict;
    op->change.add_count = (uint16_t)count;
    op->own.slot = SEAT_OPERATOR;
    verdict = engine_claim(engine, op, NULL, 0, SEAT_BLOCKED, ORPHANS_IGNORED);
    if (verdict == ENGINE_OK)
        return engine_op_begun(op);
    op->own.slot = 0;
    return verdict;
}

/* Marks each seat as the operator's, so that it cannot be unblocked twice at once; all or none. A
 * seat whose blocking is not committed yet already has that mark: it cannot be unblocked before. */
enum engine_verdict engine_unblock(struct engine *engine, const uint32_t *seats, uint32_t count,
                                   struct span reason, uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_UNBLOCKED, now_ms);
    engine_set_text(&op->change, reason);
    enum engine_verdict verdict =
        fill_named(engine, seats, count, CHANGE_SEATS_MAX, op, op->change.seats);
    if (verdict != ENGINE_OK)
        return verdict;
    uint32_t done = 0;
    while (done < count && seats_seize(&engine->seats, op->change.seats[done], SEAT_BLOCKED, 0,
                                       SEAT_BLOCKED, SEAT_OPERATOR))
        done++;
    if (done == count) {
        op->change.remove_count = (uint16_t)count;
        return engine_op_begun(op);
    }
    for (uint32_t i = done; i < count; i++) {
        uint64_t word = seats_read(&engine->seats, op->change.seats[i]);
        if (seat_state(word) != SEAT_BLOCKED || seat_hold(word) != 0)
            op->lost[op->lost_count++] = op->change.seats[i];
    }
    while (done-- > 0) {
        bool ours = seats_turn(&engine->seats, op->change.seats[done], SEAT_BLOCKED, SEAT_OPERATOR,
                               SEAT_BLOCKED, 0);
        assert(ours);
    }
    return ENGINE_TAKEN;
}

static enum engine_verdict turn_area(struct engine *engine, uint16_t area, uint32_t quantity,
                                     enum area_part from, enum area_part to, struct engine_op *op)
{
    assert(from != to);
    if (area >= plan_area_count(engine->plan))
        return ENGINE_UNKNOWN;
    if (quantity == 0)
        return ENGINE_NO_SEATS;
    op->change.area = area;
    op->change.quantity = quantity;
    return engine_turn(engine, area, from, to, quantity) ? engine_op_begun(op) : ENGINE_SOLD_OUT;
}

/* Until the commit the places count as held, here and below: nobody can take them, and a concurrent
 * opposite change finds nothing to turn. */
enum engine_verdict engine_block_area(struct engine *engine, uint16_t area, uint32_t quantity,
                                      struct span reason, uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_BLOCKED, now_ms);
    engine_set_text(&op->change, reason);
    return turn_area(engine, area, quantity, AREA_FREE, AREA_HELD, op);
}

enum engine_verdict engine_unblock_area(struct engine *engine, uint16_t area, uint32_t quantity,
                                        struct span reason, uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_UNBLOCKED, now_ms);
    engine_set_text(&op->change, reason);
    return turn_area(engine, area, quantity, AREA_BLOCKED, AREA_HELD, op);
}

/* Returns whether this move was done before: the hold has all of `to` and none of `from`. */
static bool has_moved(const uint32_t *own, uint32_t own_count, const uint32_t *from,
                      const uint32_t *to, uint32_t count)
{
    assert(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        if (seats_has(own, own_count, from[i]) || !seats_has(own, own_count, to[i]))
            return false;
    }
    return true;
}

/* The hold is owned and sold. */
static enum engine_verdict begin_move(struct engine *engine, const uint32_t *from,
                                      const uint32_t *to, uint32_t count, struct engine_op *op)
{
    assert(HOLD_GET(engine_slot(engine, op->own.slot), status) == HOLD_SOLD);
    struct change *change = &op->change;
    uint32_t own[HOLD_SEATS_MAX];
    uint32_t own_count = engine_chain(engine, op->own.slot, own);
    enum engine_verdict verdict = fill_named(engine, to, count, HOLD_SEATS_MAX, op, change->seats);
    if (verdict == ENGINE_OK)
        verdict = fill_named(engine, from, count, HOLD_SEATS_MAX, op, change->seats + count);
    if (verdict != ENGINE_OK)
        return verdict;
    if (has_moved(own, own_count, from, to, count))
        return ENGINE_SAME;
    for (uint32_t i = 0; i < count; i++) {
        op->seat = from[i];
        if (!seats_has(own, own_count, from[i]))
            return ENGINE_NOT_IN_HOLD;
    }
    change->add_count = (uint16_t)count;
    verdict = engine_claim(engine, op, NULL, 0, SEAT_HELD, ORPHANS_IGNORED);
    if (verdict != ENGINE_OK)
        return verdict;
    change->remove_count = (uint16_t)count;
    change->total = engine_total(engine, change->price_list, own, own_count);
    assert(change->add_count == change->remove_count); /* as many as were sold */
    assert(change->remove_count <= own_count);
    return ENGINE_OK;
}

/* The hold is owned, sold, and has seats. */
static enum engine_verdict fill_part(struct engine *engine, const uint32_t *seats, uint32_t count,
                                     struct engine_op *op)
{
    uint32_t own[HOLD_SEATS_MAX], has = 0;
    uint32_t own_count = engine_chain(engine, op->own.slot, own);
    enum engine_verdict verdict =
        fill_named(engine, seats, count, HOLD_SEATS_MAX, op, op->change.seats);
    if (verdict != ENGINE_OK)
        return verdict;
    for (uint32_t i = 0; i < count; i++) {
        if (seats_has(own, own_count, seats[i]))
            has++;
        else
            op->seat = seats[i];
    }
    assert(has <= own_count);
    op->change.remove_count = (uint16_t)has;
    return has == count ? ENGINE_OK : has == 0 ? ENGINE_SAME : ENGINE_NOT_IN_HOLD;
}

static enum engine_verdict fill_part_places(const struct hold_slot *slot, uint32_t keep,
                                            struct engine_op *op)
{
    uint32_t has = HOLD_GET(slot, count);
    assert(HOLD_GET(slot, area) != CHANGE_AREA_NONE);
    if (keep >= has)
        return ENGINE_SAME;
    op->change.area = HOLD_GET(slot, area);
    op->change.quantity = has - keep;
    return ENGINE_OK;
}

enum engine_verdict engine_refund_part(struct engine *engine, uint64_t hold, struct span order,
                                       const uint32_t *seats, uint32_t count, uint32_t keep,
                                       uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_REFUNDED, now_ms);
    engine_set_text(&op->change, order);
    enum engine_verdict verdict = engine_own(engine, hold, op);
    if (verdict != ENGINE_OK)
        return verdict;
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    bool in_area = HOLD_GET(slot, area) != CHANGE_AREA_NONE;
    verdict = check_order(engine, op, order);
    if (verdict == ENGINE_OK && HOLD_GET(slot, status) != HOLD_SOLD)
        verdict = ENGINE_NOT_SOLD;
    else if (verdict == ENGINE_OK && in_area != (count == 0))
        verdict = ENGINE_MIXED;
    else if (verdict == ENGINE_OK)
        verdict = in_area ? fill_part_places(slot, keep, op) : fill_part(engine, seats, count, op);
    if (verdict != ENGINE_OK)
        return engine_disown(engine, op, verdict);
    assert(op->change.kind == CHANGE_REFUNDED);
    total_refunded(engine, op);
    return engine_op_begun(op);
}

enum engine_verdict engine_move(struct engine *engine, uint64_t hold, struct span order,
                                const uint32_t *from, const uint32_t *to, uint32_t count,
                                uint64_t now_ms, struct engine_op *op)
{
    engine_op_init(op, CHANGE_MOVED, now_ms);
    engine_set_text(&op->change, order);
    enum engine_verdict verdict = engine_own(engine, hold, op);
    if (verdict != ENGINE_OK)
        return verdict;
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    if (HOLD_GET(slot, status) != HOLD_SOLD)
        verdict = ENGINE_NOT_SOLD;
    else if (check_order(engine, op, order) != ENGINE_OK)
        verdict = ENGINE_OTHER_ORDER;
    else if (HOLD_GET(slot, area) != CHANGE_AREA_NONE)
        verdict = ENGINE_MIXED;
    else
        verdict = begin_move(engine, from, to, count, op);
    return verdict == ENGINE_OK ? engine_op_begun(op) : engine_disown(engine, op, verdict);
}

void engine_lists_used(const struct engine *engine, bool used[PRICE_LISTS_MAX])
{
    memset(used, false, PRICE_LISTS_MAX * sizeof(*used));
    used[engine_newest_list(engine)] = true;
    /* seq_cst, here and below: a list that is not the newest is in no slot that we miss, because
     * give_list() checks again after it has written the slot */
    uint32_t fresh = atomic_load_explicit(&engine->holds.fresh, memory_order_seq_cst);
    for (uint32_t i = 1; i <= fresh; i++) {
        const struct hold_slot *slot = &engine->holds.slots[i];
        uint16_t list = atomic_load_explicit(&slot->price_list, memory_order_seq_cst);
        if (hold_state_of(HOLD_GET(slot, word)) != HOLD_UNUSED) /* read after the list: not older */
            used[list] = true;
    }
}

bool engine_list_fits(const struct engine *engine, const struct change *change, uint32_t list)
{
    for (uint32_t i = 0; i < engine->categories; i++)
        if (engine_price_at(engine, list, i) != engine_price_after(engine, change, i))
            return false;
    return true;
}

/* A list with these prices, else one never used, else the next after the newest without a hold;
 * PRICE_LISTS_MAX: all in use. */
static uint32_t next_list(const struct engine *engine, const struct change *change)
{
    uint32_t lists = atomic_load_explicit(&engine->price_lists, memory_order_relaxed);
    assert(lists > engine_newest_list(engine));
    for (uint32_t list = 0; list < lists; list++)
        if (engine_list_fits(engine, change, list))
            return list;
    if (lists < PRICE_LISTS_MAX)
        return lists;
    bool used[PRICE_LISTS_MAX];
    engine_lists_used(engine, used);
    for (uint32_t i = 1; i < PRICE_LISTS_MAX; i++) {
        uint32_t list = (engine_newest_list(engine) + i) % PRICE_LISTS_MAX;
        if (!used[list])
            return list;
    }
    return PRICE_LISTS_MAX;
}

enum engine_verdict engine_price(struct engine *engine, uint64_t categories, const uint64_t *prices,
                                 struct span reason, uint64_t now_ms, struct engine_op *op)
{
    assert(categories != 0);
    bool several = (categories & (categories - 1)) != 0;
    engine_op_init(op, several ? CHANGE_REPRICED : CHANGE_PRICED, now_ms);
    engine_set_text(&op->change, reason);
    if (!engine_knows(engine, categories))
        return ENGINE_UNKNOWN;
    /* acquire: pairs with the release at the end of the previous price change */
    if (atomic_exchange_explicit(&engine->pricing, true, memory_order_acquire))
        return ENGINE_BUSY;
    op->change.categories = categories;
    while (categories != 0) {
        uint32_t category = change_category(&categories);
        assert(prices[category] <= PLAN_PRICE_MAX);
        op->change.prices[category] = prices[category];
    }
    uint32_t list = next_list(engine, &op->change);
    if (list == PRICE_LISTS_MAX) {
        op->limit = op->has = PRICE_LISTS_MAX;
        atomic_store_explicit(&engine->pricing, false, memory_order_release);
        return ENGINE_PRICES_FULL;
    }
    op->change.price_list = (uint16_t)list;
    return engine_op_begun(op);
}

/* ---- expiry ---- */

/* For an owned hold that has expired. Its late-pool entry is allocated here, before the journal:
 * whatever freed that entry was committed earlier, so replay never runs out of entries. */
static void fill_over(struct engine *engine, struct engine_op *op)
{
    assert(HOLD_GET(engine_slot(engine, op->own.slot), status) != HOLD_SOLD);
    const struct hold_slot *slot = engine_slot(engine, op->own.slot);
    if (HOLD_GET(slot, status) == HOLD_LATE) {
        op->change.kind = CHANGE_FORGOTTEN;
        return;
    }
    engine_fill_removed(engine, op);
    if (HOLD_GET(slot, order) == 0)
        return;
    op->change.kind = CHANGE_LATE;
    op->own.late = late_give(&engine->late);
    if (op->own.late != 0)
        op->change.flags = CHANGE_FLAG_REMEMBERED;
    assert(op->own.late <= engine->late.max);
}

bool engine_expire_next(struct engine *engine, uint64_t now_ms, struct engine_op *op)
{
    engine->expire_now_ms = now_ms;
    /* relaxed: only delays, nothing depends on it */
    if (now_ms < atomic_load_explicit(&engine->expire_not_before_ms, memory_order_relaxed))
        return false;
    for (;;) {
        uint32_t number = wheel_due(&engine->wheel, now_ms);
        if (number == 0)
            return false;
        engine_op_init(op, CHANGE_EXPIRED, now_ms);
        const struct hold_slot *slot = engine_slot(engine, number);
        if (engine_own(engine, hold_id(&engine->holds, number), op) != ENGINE_OK) {
            wheel_touch(&engine->wheel, number); /* an op is under way; the wheel will come back */
            continue;
        }
        uint8_t status = HOLD_GET(slot, status);
        assert(op->own.slot == number);
        if (status == HOLD_SOLD || now_ms < engine_end_of(engine, slot)) {
            /* Sold, extended or spared since the wheel looked. */
            engine_disown(engine, op, ENGINE_SAME);
            wheel_touch(&engine->wheel, number);
        } else {
            fill_over(engine, op);
            engine_op_begun(op);
            return true;
        }
    }
}

/* A correction may have lowered `hold_max_s`: then only the longest possible tells a wrong end. */
void engine_bound_holds(struct engine *engine, uint64_t now_ms, bool at_once)
{
    uint64_t max_ms = engine->limits->hold_max_ms;
    uint64_t latest_ms =
        now_ms + HOLD_AHEAD_MAX_MS + (engine->since == engine->base ? max_ms : HOLD_LIFE_MAX_MS);
    uint32_t fresh = atomic_load_explicit(&engine->holds.fresh, memory_order_relaxed);
    assert(!engine->holds.live);
    for (uint32_t i = 1; i <= fresh; i++) {
        struct hold_slot *slot = engine_slot(engine, i);
        if (hold_state_of(HOLD_GET(slot, word)) < HOLD_IDLE ||
            HOLD_GET(slot, status) != HOLD_OPEN || HOLD_GET(slot, hard_end_ms) <= latest_ms)
            continue;
        uint64_t expires_ms = HOLD_GET(slot, expires_ms); /* an extension may have set it right */
        bool wrong = expires_ms > now_ms + HOLD_AHEAD_MAX_MS + max_ms;
        uint64_t end_ms = now_ms + (at_once && wrong ? 0 : max_ms);
        HOLD_SET(slot, expires_ms, expires_ms < end_ms ? expires_ms : end_ms);
        HOLD_SET(slot, hard_end_ms, end_ms);
        wheel_touch(&engine->wheel, i);
    }
}

void engine_spare_orders(struct engine *engine, uint64_t from_ms, uint64_t until_ms)
{
    /* relaxed: as in engine_end_of() */
    atomic_store_explicit(&engine->spare_from_ms, from_ms, memory_order_relaxed);
    atomic_store_explicit(&engine->spare_until_ms, until_ms, memory_order_relaxed);
}
