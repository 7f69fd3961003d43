/* engine_read.c: reading without blocking writers.
 *
 * A reader takes no lock and never waits. It copies the hold's fields between two reads of the
 * slot's word, and starts again if the word has changed (hold.c's seqlock). The walk along the
 * chain of seats is bounded, since the links of a hold that has just ended may lead anywhere. After
 * a bounded number of tries the hold is reported as busy. Counts and states of seats come from the
 * last publication (avail.c), so each version has one meaning. */
#include "core/engine/engine_internal.h"

#include "base/prefetch.h"

#include <assert.h>
#include <string.h>

const struct plan *engine_plan(const struct engine *engine)
{
    return engine->plan;
}

struct engine_seat engine_seat(const struct engine *engine, uint32_t seat)
{
    assert(seat < engine->facts->seat_count);
    for (;;) {
        uint64_t word = seats_read(&engine->seats, seat);
        struct engine_seat view = {.state = (enum engine_seat_state)seat_state(word)};
        uint32_t slot = seat_hold(word);
        assert(slot != SEAT_OPERATOR || seat_state(word) == SEAT_BLOCKED);
        assert(slot != 0 || seat_state(word) == SEAT_FREE || seat_state(word) == SEAT_BLOCKED);
        if (slot == 0 || slot == SEAT_OPERATOR)
            return view;
        assert(slot <= engine->holds.max);
        assert(seat_state(word) == SEAT_HELD || seat_state(word) == SEAT_SOLD);
        view.hold = hold_id(&engine->holds, slot);
        /* A slot is not reused while a seat has its number, so an unchanged word proves that the id
         * was this hold's. */
        if (seats_read(&engine->seats, seat) == word)
            return view;
    }
}

void engine_seat_prefetch(const struct engine *engine, uint32_t seat)
{
    assert(seat < engine->facts->seat_count);
    prefetch(&engine->seats.words[seat], 1);
    prefetch(&engine->paid[seat], 1);
    plan_seat_prefetch(engine->plan, seat);
}

void engine_prefetch(const struct engine *engine, const struct change *change)
{
    enum { SEATS_SOON = 8 }; /* as many as most holds have */
    uint32_t slot = hold_slot_of(change->hold);
    if (slot <= engine->holds.max)
        prefetch(&engine->holds.slots[slot], sizeof(*engine->holds.slots));
    for (uint32_t i = 0; i < change->add_count && i < SEATS_SOON; i++)
        engine_seat_prefetch(engine, change->seats[i]);
}

/* The chain may change during the walk; an invalid link ends it, and the slot's word then shows the
 * change. */
static bool read_chain(const struct engine *engine, const struct hold_slot *slot,
                       struct engine_hold_view *out)
{
    uint32_t seat = HOLD_GET(slot, first);
    for (uint32_t i = 0; i < out->quantity; i++) {
        if (i == HOLD_SEATS_MAX || seat >= engine->facts->seat_count)
            return false;
        out->paid[i] = engine_paid(engine, seat);
        out->seats[out->seat_count++] = seat;
        /* acquire: a link from a later change comes with that change's slot word */
        seat = seat_next(seats_read(&engine->seats, seat)) - 1;
    }
    return true;
}

enum engine_verdict engine_hold_read(const struct engine *engine, uint64_t hold,
                                     struct engine_hold_view *out)
{
    enum { READ_RETRIES_MAX = 1000 }; /* a hold changes a few times in its life */
    for (unsigned tries = 0; tries < READ_RETRIES_MAX; tries++) {
        bool busy;
        uint64_t begun = hold_read_begin(&engine->holds, hold, &busy);
        if (busy)
            continue;
        if (begun == 0)
            return ENGINE_NO_HOLD;
        const struct hold_slot *slot = &engine->holds.slots[hold_slot_of(hold)];
        assert(HOLD_GET(slot, status) <= HOLD_LATE);
        static const enum engine_hold_state states[] = {[HOLD_OPEN] = ENGINE_HOLD_OPEN,
                                                        [HOLD_SOLD] = ENGINE_HOLD_SOLD,
                                                        [HOLD_LATE] = ENGINE_HOLD_EXPIRED};
        out->state = states[HOLD_GET(slot, status)];
        out->version = HOLD_GET(slot, version);
        out->buyer = HOLD_GET(slot, buyer);
        out->session = HOLD_GET(slot, session);
        out->order_hash = HOLD_GET(slot, order);
        out->expires_ms = HOLD_GET(slot, expires_ms);
        out->hard_end_ms = HOLD_GET(slot, hard_end_ms);
        out->price_list = HOLD_GET(slot, price_list);
        out->area = HOLD_GET(slot, area);
        out->quantity = HOLD_GET(slot, count);
        out->seat_count = 0;
        out->total = 0;
        memset(out->purchase, 0, sizeof(out->purchase));
        if (out->order_hash != 0)
            bond_get(&engine->bonds[hold_slot_of(hold)], out->purchase);
        bool whole = out->area != CHANGE_AREA_NONE || out->state == ENGINE_HOLD_EXPIRED ||
                     read_chain(engine, slot, out);
        if (!hold_read_end(&engine->holds, hold, begun))
            continue;
        assert(whole);
        assert(out->area == CHANGE_AREA_NONE || out->area < plan_area_count(engine->plan));
        assert(out->quantity > 0 || out->state == ENGINE_HOLD_EXPIRED);
        assert(out->area != CHANGE_AREA_NONE || out->state == ENGINE_HOLD_EXPIRED ||
               out->seat_count == out->quantity);
        if (out->area != CHANGE_AREA_NONE)
            out->total = engine_area_total(engine, out->price_list, out->area, out->quantity);
        for (uint32_t i = 0; i < out->seat_count; i++)
            out->total += engine_price_at(engine, out->price_list, out->paid[i]);
        return ENGINE_OK;
    }
    return ENGINE_BUSY;
}

enum engine_verdict engine_hold_next(const struct engine *engine, uint64_t session, uint64_t *hold,
                                     struct engine_hold_view *out)
{
    uint32_t fresh = atomic_load_explicit(&engine->holds.fresh, memory_order_relaxed);
    assert(fresh <= engine->holds.max);
    for (uint32_t i = hold_slot_of(*hold) + 1; i <= fresh; i++) {
        /* relaxed: a hint; the hold itself is read below */
        if (atomic_load_explicit(&engine->sessions[i], memory_order_relaxed) != (uint16_t)session)
            continue;
        uint64_t id = hold_id(&engine->holds, i);
        enum engine_verdict verdict = engine_hold_read(engine, id, out);
        if (verdict == ENGINE_BUSY)
            return verdict;
        if (verdict != ENGINE_OK || out->session != session || out->state != ENGINE_HOLD_OPEN)
            continue;
        *hold = id;
        return ENGINE_OK;
    }
    return ENGINE_NO_HOLD;
}

uint64_t engine_price_of(const struct engine *engine, uint16_t price_list, uint8_t category)
{
    return engine_price_at(engine, price_list, category);
}

uint16_t engine_price_list(const struct engine *engine)
{
    return (uint16_t)engine_newest_list(engine);
}

void engine_prices(const struct engine *engine, uint64_t out[PLAN_CATEGORIES_MAX])
{
    uint32_t list = engine_newest_list(engine);
    for (uint32_t i = 0; i < PLAN_CATEGORIES_MAX; i++)
        out[i] = i < engine->categories ? engine_price_at(engine, list, i) : 0;
}

uint32_t engine_places(const struct engine *engine)
{
    assert(engine->places > 0);
    return engine->places;
}

struct engine_area engine_area(const struct engine *engine, uint16_t area)
{
    uint32_t capacity = engine_capacity(engine, area);
    struct area_counts counts = area_read(&engine->areas[area], capacity);
    assert(counts.part[AREA_FREE] <= capacity); /* the parts come to the whole */
    return (struct engine_area){capacity, counts.part[AREA_FREE], counts.part[AREA_HELD],
                                counts.part[AREA_SOLD], counts.part[AREA_BLOCKED]};
}

uint64_t engine_counts(const struct engine *engine, struct engine_count *out)
{
    uint64_t version = avail_counts(engine->avail, out);
    for (uint32_t i = 0; i < plan_area_count(engine->plan); i++) {
        struct engine_area area = engine_area(engine, (uint16_t)i);
        assert(area.free + area.held + area.sold + area.blocked == area.capacity);
        struct engine_count *count = &out[plan_area(engine->plan, i)->category];
        count->free += area.free;
        count->held += area.held;
        count->sold += area.sold;
        count->blocked += area.blocked;
    }
    return version;
}

uint64_t engine_next_end_ms(const struct engine *engine)
{
    uint64_t next_ms = UINT64_MAX;
    uint32_t fresh = atomic_load_explicit(&engine->holds.fresh, memory_order_relaxed);
    for (uint32_t i = 1; i <= fresh; i++) {
        const struct hold_slot *slot = &engine->holds.slots[i];
        if (hold_state_of(HOLD_GET(slot, word)) < HOLD_IDLE || HOLD_GET(slot, status) != HOLD_OPEN)
            continue;
        uint64_t end_ms = engine_end_of(engine, slot);
        assert(end_ms > 0); /* 0 means no hold */
        next_ms = end_ms < next_ms ? end_ms : next_ms;
    }
    return next_ms == UINT64_MAX ? 0 : next_ms;
}

struct engine_stats engine_stats(const struct engine *engine)
{
    /* relaxed: statistics */
    return (struct engine_stats){
        .best_retries = atomic_load_explicit(&engine->best_retries, memory_order_relaxed),
        .holds_used = atomic_load_explicit(&engine->holds.fresh, memory_order_relaxed),
    };
}
