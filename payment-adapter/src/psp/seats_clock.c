/* seats_clock.c: Date has whole seconds, and the answer was written at some moment between request
 * and arrival, so it bounds the difference between two values. The current difference, initially 0,
 * stays while it is within these bounds. Otherwise the lower bound is taken: then a hold ends here
 * too late rather than too early, and the seats' own answer decides.
 *
 * A process whose clock is wrong, or that still starts, refuses. So only what succeeded counts.
 *
 * Threading: each loop reports the answers it gets. The last one wins: all read one clock. */
#include "psp/seats_clock.h"

static uint64_t mono_us(void *ctx)
{
    return clock_mono_us(((const struct seats_clock *)ctx)->own);
}

static uint64_t wall_us(void *ctx)
{
    struct seats_clock *seats = ctx;
    /* relaxed: an independent number. */
    int64_t ahead_us = 1000 * atomic_load_explicit(&seats->ahead_ms, memory_order_relaxed);
    return (uint64_t)((int64_t)clock_wall_us(seats->own) + ahead_us);
}

void seats_clock_init(struct seats_clock *seats, const struct clock *own)
{
    seats->clock = (struct clock){mono_us, wall_us, seats};
    seats->own = own;
    atomic_init(&seats->ahead_ms, 0);
    atomic_init(&seats->apart_ms, 0);
    atomic_init(&seats->is_known, false);
}

void seats_clock_read(struct seats_clock *seats, const struct outcall_answer *answer)
{
    if (answer->rc < 0 || answer->status / 100 != 2 || answer->date_s == 0)
        return;
    int64_t date_ms = (int64_t)answer->date_s * 1000;
    int64_t now_ms = (int64_t)(clock_wall_us(seats->own) / 1000);
    int64_t low = date_ms - now_ms;
    int64_t high = low + 1000 + (int64_t)(answer->took_us / 1000) + 1;
    int64_t ahead_ms = atomic_load_explicit(&seats->ahead_ms, memory_order_relaxed);
    if (ahead_ms < low || high < ahead_ms)
        ahead_ms = low <= 0 && 0 <= high ? 0 : low;
    atomic_store_explicit(&seats->ahead_ms, ahead_ms, memory_order_relaxed);
    atomic_store_explicit(&seats->apart_ms, (uint64_t)(ahead_ms < 0 ? -ahead_ms : ahead_ms),
                          memory_order_relaxed);
    /* release: who finds it known reads this time, or a later one */
    atomic_store_explicit(&seats->is_known, true, memory_order_release);
}
