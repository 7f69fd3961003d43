/* engine_bond.c: compares a hold with the purchase of the order that extends it: the digest of
 * sale/purchase.h is computed from the held seats and their prices, and must equal the order's
 * (I2). The order also names its fees, which must match the event's. The caller owns the hold, so
 * it cannot change meanwhile; afterwards the order has it, and it no longer changes. */
#include "core/engine/engine_internal.h"
#include "sale/purchase.h"

#include <string.h>

static_assert((int)CHANGE_HASH_BYTES == (int)PURCHASE_DIGEST_BYTES, "a digest fits");
static_assert((int)HOLD_SEATS_MAX <= (int)PURCHASE_LINES_MAX, "a hold's seats are a purchase's");

static struct purchase_line line_of_seat(const struct engine *engine, uint16_t prices,
                                         uint32_t seat)
{
    struct plan_seat place = plan_seat(engine->plan, seat);
    assert(place.guid.len > 0); /* otherwise two places would have the same digest */
    return (struct purchase_line){.place = place.guid,
                                  .category = plan_category(engine->plan, place.category)->name,
                                  .price = engine_price_of(engine, prices, place.category),
                                  .count = 1};
}

static struct purchase_line line_of_area(const struct engine *engine, uint16_t prices,
                                         uint16_t number, uint32_t count)
{
    assert(count > 0);
    const struct plan_area *area = plan_area(engine->plan, number);
    return (struct purchase_line){.place = area->id,
                                  .category = plan_category(engine->plan, area->category)->name,
                                  .price = engine_price_of(engine, prices, area->category),
                                  .count = count};
}

bool engine_costs(const struct engine *engine, const struct engine_op *op,
                  const struct engine_purchase *purchase)
{
    assert(op->own.slot != 0); /* otherwise the hold could change during the comparison */
    const struct hold_slot *slot = &engine->holds.slots[op->own.slot];
    struct purchase_line lines[HOLD_SEATS_MAX];
    uint32_t seats[HOLD_SEATS_MAX];
    uint16_t prices = HOLD_GET(slot, price_list), area = HOLD_GET(slot, area);
    struct purchase held = {.event = purchase->event,
                            .currency = plan_currency(engine->plan),
                            .lines = lines,
                            .lines_len = 1,
                            .fees = purchase->fees,
                            .total = purchase->fees,
                            .terms = purchase->terms};
    if (area != CHANGE_AREA_NONE) {
        lines[0] = line_of_area(engine, prices, area, HOLD_GET(slot, count));
    } else {
        held.lines_len = engine_chain(engine, op->own.slot, seats);
        assert(held.lines_len > 0);
        for (uint32_t i = 0; i < held.lines_len; i++)
            lines[i] = line_of_seat(engine, prices, seats[i]);
    }
    uint64_t places = 0;
    for (uint32_t i = 0; i < held.lines_len; i++) {
        held.total += lines[i].price * lines[i].count;
        places += lines[i].count;
    }
    assert(held.lines_len <= HOLD_SEATS_MAX);
    const struct fees *fees = &plan_charges(engine->plan)->fees;
    if (purchase->fees != fees_of(fees, held.total - purchase->fees, places))
        return false;
    uint8_t digest[PURCHASE_DIGEST_BYTES];
    purchase_digest(&held, digest);
    return memcmp(digest, purchase->digest, sizeof(digest)) == 0;
}
