/* engine_rules.c: what may be in one hold: channels, times of sale, accessible seats and
 * companions, whole tables. These depend on facts that never change, so they need no protection
 * from other threads. The one rule that depends on other holds, no single seats, is checked where
 * the row is claimed (seats.c), and the limit per buyer where it is counted (buyers.c).
 *
 * Each rule checks the resulting hold, not the added seat alone: a companion seat is allowed if its
 * wheelchair place is in the same hold, in any order; giving the wheelchair place back while
 * keeping the companion's is not. */
#include "core/engine/engine_internal.h"

#include <assert.h>

enum engine_verdict engine_on_sale(const struct engine *engine, uint32_t category, uint32_t channel,
                                   uint64_t now_ms, struct engine_op *op)
{
    assert(category < engine->categories);
    const struct plan_category *terms = plan_category(engine->plan, category);
    uint64_t opens_ms = terms->on_sale_ms;
    if (channel != 0 && plan_channel(engine->plan, channel)->on_sale_ms != 0)
        opens_ms = plan_channel(engine->plan, channel)->on_sale_ms;
    op->opens_ms = now_ms < opens_ms ? opens_ms : 0;
    bool over = terms->off_sale_ms != 0 && now_ms >= terms->off_sale_ms;
    return now_ms < opens_ms || over ? ENGINE_NOT_ON_SALE : ENGINE_OK;
}

static enum engine_verdict rule_companions(const struct engine *engine, const uint32_t *seats,
                                           uint32_t count, struct engine_op *op)
{
    for (uint32_t i = 0; i < count; i++) {
        if ((plan_flags_of(engine->facts, seats[i]) & PLAN_SEAT_COMPANION) == 0)
            continue;
        uint32_t with = plan_companion_of(engine->plan, seats[i]);
        assert(with != seats[i]);
        if (with != UINT32_MAX && !seats_has(seats, count, with)) {
            op->seat = seats[i];
            return ENGINE_COMPANION;
        }
    }
    return ENGINE_OK;
}

static enum engine_verdict rule_tables(const struct engine *engine, const uint32_t *seats,
                                       uint32_t count, struct engine_op *op)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct plan_run *run = &engine->facts->runs[engine->facts->run[seats[i]]];
        if ((run->flags & PLAN_RUN_WHOLE) == 0)
            continue;
        uint32_t here = 0;
        for (uint32_t j = 0; j < count; j++)
            here += engine->facts->run[seats[j]] == engine->facts->run[seats[i]];
        assert(here > 0);
        assert(here <= run->count);
        if (here != run->count) {
            op->seat = seats[i];
            return ENGINE_TABLE;
        }
    }
    return ENGINE_OK;
}

enum engine_verdict engine_rules(const struct engine *engine, const struct engine_who *who,
                                 const uint32_t *seats, uint32_t count, const uint32_t *added,
                                 uint32_t added_count, uint64_t now_ms, struct engine_op *op)
{
    assert(added_count <= count);
    assert(count <= HOLD_SEATS_MAX);
    bool open = engine_access_is_open(engine, now_ms);
    uint8_t some_flags = 0, some_tables = 0;
    for (uint32_t i = 0; i < added_count; i++) {
        uint32_t seat = added[i];
        op->seat = seat;
        if (((who->channels | 1) >> plan_channel_of(engine->facts, seat) & 1) == 0)
            return ENGINE_CHANNEL;
        enum engine_verdict verdict =
            engine_on_sale(engine, engine->facts->category[seat],
                           plan_channel_of(engine->facts, seat), now_ms, op);
        if (verdict != ENGINE_OK)
            return verdict;
        if ((plan_flags_of(engine->facts, seat) & PLAN_SEAT_ACCESSIBLE) && !open &&
            !who->access_need)
            return ENGINE_ACCESS;
    }
    for (uint32_t i = 0; i < count; i++) {
        some_flags |= plan_flags_of(engine->facts, seats[i]);
        some_tables |= engine->facts->runs[engine->facts->run[seats[i]]].flags;
    }
    enum engine_verdict verdict = ENGINE_OK;
    if ((some_flags & PLAN_SEAT_COMPANION) && !open)
        verdict = rule_companions(engine, seats, count, op);
    if (verdict == ENGINE_OK && (some_tables & PLAN_RUN_WHOLE))
        verdict = rule_tables(engine, seats, count, op);
    return verdict;
}

enum engine_verdict engine_rules_area(const struct engine *engine, const struct engine_who *who,
                                      uint16_t area, uint64_t now_ms, struct engine_op *op)
{
    const struct plan_area *terms = plan_area(engine->plan, area);
    if (((who->channels | 1) >> terms->channel & 1) == 0)
        return ENGINE_CHANNEL;
    return engine_on_sale(engine, terms->category, terms->channel, now_ms, op);
}

bool engine_best_ask(const struct engine *engine, const struct engine_who *who, uint8_t category,
                     uint32_t quantity, bool adjacent, uint64_t now_ms, struct best_ask *out,
                     struct engine_op *op)
{
    assert(quantity > 0); /* best_find() asserts both again */
    assert(quantity <= HOLD_SEATS_MAX);
    *out = (struct best_ask){.channels = 1,
                             .quantity = quantity,
                             .adjacent = adjacent,
                             .access_need = who->access_need,
                             .access_open = engine_access_is_open(engine, now_ms),
                             .orphan_rule = engine->limits->orphan_rule,
                             .visit = {.holds = &engine->holds, .session = who->session}};
    for (uint32_t c = 1; c < plan_channel_count(engine->plan); c++) {
        if ((who->channels >> c & 1) == 0)
            continue;
        uint64_t opens_ms = plan_channel(engine->plan, c)->on_sale_ms;
        if (opens_ms <= now_ms)
            out->channels |= 1u << c;
        if (opens_ms != 0 && opens_ms <= now_ms)
            out->early |= 1u << c;
    }
    uint64_t soonest_ms = 0;
    for (uint32_t c = 0; c < engine->categories; c++) {
        const struct plan_category *terms = plan_category(engine->plan, c);
        if ((category != ENGINE_CATEGORY_ANY && c != category) ||
            (terms->off_sale_ms != 0 && now_ms >= terms->off_sale_ms))
            continue;
        bool sold_to_all = now_ms >= terms->on_sale_ms;
        if (sold_to_all)
            out->on_sale |= UINT64_C(1) << c;
        else if (soonest_ms == 0 || terms->on_sale_ms < soonest_ms)
            soonest_ms = terms->on_sale_ms;
        if (sold_to_all || out->early != 0)
            out->categories |= UINT64_C(1) << c;
    }
    assert((out->on_sale & ~out->categories) == 0);
    assert((out->early & ~out->channels) == 0);
    op->opens_ms = out->categories != 0 ? 0 : soonest_ms;
    return out->categories != 0;
}
