/* areas.h: standing places. They have no names, so an area is one word of three counters, changed
 * by compare-and-swap like a seat.
 *
 *     [63] unused   [62..42] held   [41..21] sold   [20..0] blocked
 *
 * The rest of the capacity is free. */
#ifndef FG_SEAT_CORE_AREAS_H
#define FG_SEAT_CORE_AREAS_H

#include "core/hall/plan.h"

#include <assert.h>
#include <stdatomic.h>

enum area_part { AREA_FREE, AREA_HELD, AREA_SOLD, AREA_BLOCKED };

struct area_counts {
    uint32_t part[4]; /* by area_part */
};

enum { AREA_BITS = 21 };
static_assert(PLAN_AREA_CAPACITY_MAX < 1 << AREA_BITS, "a counter holds the whole capacity");

static inline unsigned area_shift(enum area_part part)
{
    assert(part != AREA_FREE);
    return (unsigned)(AREA_BLOCKED - part) * AREA_BITS;
}

static inline struct area_counts area_read(const _Atomic uint64_t *area, uint32_t capacity)
{
    /* acquire: partner of area_turn(), as for a seat's word */
    uint64_t word = atomic_load_explicit(area, memory_order_acquire);
    struct area_counts counts = {{capacity, 0, 0, 0}};
    for (int part = AREA_HELD; part <= AREA_BLOCKED; part++) {
        counts.part[part] =
            (uint32_t)(word >> area_shift((enum area_part)part)) & ((1u << AREA_BITS) - 1);
        counts.part[AREA_FREE] -= counts.part[part];
    }
    assert(counts.part[AREA_FREE] <= capacity); /* area_turn() asserts the same of each new word */
    return counts;
}

/* Moves n places from one part to the other. Returns false, changing nothing, if there are too few.
 *
 * A counter needs no version: places have no identity, so no old value can be mistaken for a new
 * one. The hold slot ensures that a late release does not give places back twice (hold_own). */
static inline bool area_turn(_Atomic uint64_t *area, uint32_t capacity, enum area_part from,
                             enum area_part to, uint32_t n)
{
    assert(from != to);
    /* acquire: partner of the release below, by the thread that gave back what we take */
    uint64_t old = atomic_load_explicit(area, memory_order_acquire);
    uint64_t want;
    do {
        uint64_t mask = (1u << AREA_BITS) - 1;
        uint64_t left = capacity;
        for (int part = AREA_HELD; part <= AREA_BLOCKED; part++)
            left -= old >> area_shift((enum area_part)part) & mask;
        assert(left <= capacity);
        uint64_t there = from == AREA_FREE ? left : old >> area_shift(from) & mask;
        if (there < n)
            return false;
        want = old;
        if (from != AREA_FREE)
            want -= (uint64_t)n << area_shift(from);
        if (to != AREA_FREE)
            want += (uint64_t)n << area_shift(to);
    } while (!atomic_compare_exchange_weak_explicit(area, &old, want, memory_order_acq_rel,
                                                    memory_order_acquire));
    return true;
}

#endif
