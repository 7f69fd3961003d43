/* backoff.c: see backoff.h. */
#include "pace/backoff.h"

#include <assert.h>

uint32_t backoff_ms(uint32_t first_ms, uint32_t cap_ms, uint32_t tries, const struct rng *rng)
{
    assert(tries >= 1);
    assert(first_ms >= 1 && first_ms <= cap_ms);
    uint64_t bound_ms = first_ms;
    for (uint32_t i = 1; i < tries && bound_ms < cap_ms; i++)
        bound_ms *= 2;
    if (bound_ms > cap_ms)
        bound_ms = cap_ms;
    return (uint32_t)rng_below(rng, bound_ms + 1);
}
