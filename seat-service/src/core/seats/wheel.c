/* wheel.c: keeps for each hold the tick of its next check; once a tick the owner scans all holds.
 *
 * Other threads mark a hold with a tick that has passed. The owner's next scan reads the hold's
 * time and stores the tick of its next check. There is no queue that could overflow, a hold that
 * changes ten times between two ticks is checked once, and a hold released in the meantime costs
 * nothing: when it comes due, its time says that there is nothing to do.
 *
 * A mark is a plain store, since every hold makes one and a locked operation costs more. The owner
 * pays for that: it removes a mark by an exchange, which reads the newest mark and with it the
 * newest time; a load and a store could erase a mark made in between.
 *
 * A round takes some 20 us for a stadium. Dropped: a timing wheel of linked lists (Varghese and
 * Lauck). Its owner had to scan the marks all the same, and its links took eight bytes a hold. */
#include "core/seats/wheel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NEVER = 0, MARK = 1, FIRST_TICK = 2 };

int wheel_init(struct wheel *wheel, uint32_t max, uint64_t now_ms,
               uint64_t (*due_ms)(void *ctx, uint32_t hold), void *ctx)
{
    assert(max > 0);
    assert(max <= UINT32_MAX - WHEEL_BLOCK); /* the end of the last block does not overflow */
    assert(due_ms != NULL);
    memset(wheel, 0, sizeof(*wheel));
    wheel->max = max;
    wheel->began = now_ms / WHEEL_TICK_MS;
    wheel->due_ms = due_ms;
    wheel->ctx = ctx;
    wheel->looks = calloc((size_t)max + 1, sizeof(*wheel->looks));
    wheel->used = calloc(max / WHEEL_BLOCK + 1, sizeof(*wheel->used));
    if (wheel->looks != NULL && wheel->used != NULL)
        return 0;
    wheel_deinit(wheel);
    return ERR_NOMEM;
}

void wheel_deinit(struct wheel *wheel)
{
    free(wheel->used);
    free(wheel->looks);
    wheel->used = NULL; /* as in seats_deinit() */
    wheel->looks = NULL;
}

void wheel_touch(struct wheel *wheel, uint32_t hold)
{
    assert(hold > 0);
    assert(hold <= wheel->max);
    /* release: partner of the exchange in is_due(), which then reads the hold's new time */
    atomic_store_explicit(&wheel->looks[hold], MARK, memory_order_release);
    /* relaxed: it is never reset, so it is seen sooner or later */
    _Atomic uint8_t *used = &wheel->used[hold / WHEEL_BLOCK];
    if (atomic_load_explicit(used, memory_order_relaxed) == 0)
        atomic_store_explicit(used, 1, memory_order_relaxed);
}

/* Encodes a tick for `looks`. Ticks before the wheel began count as its first. Ticks beyond the
 * range, 8 years on, share the last number and are then checked in each round. */
static uint32_t number_of(const struct wheel *wheel, uint64_t tick)
{
    uint64_t after = tick > wheel->began ? tick - wheel->began : 0;
    uint32_t number = after < UINT32_MAX - FIRST_TICK ? FIRST_TICK + (uint32_t)after : UINT32_MAX;
    assert(number > MARK);
    return number;
}

static bool is_due(struct wheel *wheel, uint32_t hold, uint64_t now_ms)
{
    assert(hold > 0);
    assert(hold <= wheel->max);
    /* acquire: partner of wheel_touch() */
    uint32_t look = atomic_exchange_explicit(&wheel->looks[hold], NEVER, memory_order_acquire);
    assert(look != NEVER); /* only the owner removes a hold */
    uint64_t due_ms = wheel->due_ms(wheel->ctx, hold);
    if (due_ms != 0 && due_ms <= now_ms)
        return true;
    uint32_t never = NEVER;
    if (due_ms != 0) /* rounded up, so never early; a mark made meanwhile stays */
        (void)atomic_compare_exchange_strong_explicit(
            &wheel->looks[hold], &never,
            number_of(wheel, (due_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS), memory_order_relaxed,
            memory_order_relaxed);
    return false;
}

/* Continues the round. Returns a due hold, or 0 at its end. */
static uint32_t go_round(struct wheel *wheel, uint32_t tick, uint64_t now_ms)
{
    assert(tick > MARK);
    assert(atomic_load_explicit(&wheel->looks[0], memory_order_relaxed) == NEVER); /* no hold */
    for (uint32_t block = wheel->at / WHEEL_BLOCK; block <= wheel->max / WHEEL_BLOCK; block++) {
        if (atomic_load_explicit(&wheel->used[block], memory_order_relaxed) == 0)
            continue;
        const uint32_t from = block * WHEEL_BLOCK, last = from + WHEEL_BLOCK - 1;
        for (uint32_t hold = wheel->at > from ? wheel->at : from;
             hold <= (last < wheel->max ? last : wheel->max); hold++) {
            uint32_t look = atomic_load_explicit(&wheel->looks[hold], memory_order_relaxed);
            if (look != NEVER && look <= tick && is_due(wheel, hold, now_ms))
                return hold;
        }
    }
    return 0;
}

uint32_t wheel_due(struct wheel *wheel, uint64_t now_ms)
{
    const uint64_t tick = now_ms / WHEEL_TICK_MS;
    /* One round a tick: a mark made during a round may wait for the next one. */
    while (wheel->at != 0 || wheel->round != tick) {
        if (wheel->at == 0)
            wheel->round = tick;
        assert(wheel->at <= wheel->max + 1);
        uint32_t hold = go_round(wheel, number_of(wheel, tick), now_ms);
        assert(hold <= wheel->max);
        wheel->at = hold != 0 ? hold + 1 : 0;
        if (hold != 0)
            return hold;
    }
    return 0;
}
