/* backoff.c: doubling with full jitter.
 *
 * The bound doubles with each attempt up to the cap, and the wait is anything between zero and that
 * bound. Full jitter spreads callers the most, and an attempt that comes early by chance costs one
 * refused connection. */
#include "pace/backoff.h"

#include <assert.h>

uint32_t backoff_bound_ms(uint32_t first_ms, uint32_t cap_ms, uint32_t tries)
{
    assert(tries >= 1);
    assert(first_ms >= 1 && first_ms <= cap_ms);
    uint64_t bound_ms = first_ms;
    for (uint32_t i = 1; i < tries && bound_ms < cap_ms; i++)
        bound_ms *= 2;
    return bound_ms < cap_ms ? (uint32_t)bound_ms : cap_ms;
}

uint32_t backoff_ms(uint32_t first_ms, uint32_t cap_ms, uint32_t tries, const struct rng *rng)
{
    return (uint32_t)rng_below(rng, (uint64_t)backoff_bound_ms(first_ms, cap_ms, tries) + 1);
}
