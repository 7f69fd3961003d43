/* backoff.h: how long to wait before the next attempt. Full jitter: uniform between zero and the
 * doubled bound, so that a thousand callers that one outage stopped do not return as a wave. The
 * bound is capped, so that a long outage does not put the next attempt hours away. */
#ifndef FG_PACE_BACKOFF_H
#define FG_PACE_BACKOFF_H

#include "base/rng.h"

#include <stdint.h>

/* min(cap, first * 2^(tries-1)); tries counts the failed attempts, 1 for the first. */
uint32_t backoff_bound_ms(uint32_t first_ms, uint32_t cap_ms, uint32_t tries);
/* 0..backoff_bound_ms() */
uint32_t backoff_ms(uint32_t first_ms, uint32_t cap_ms, uint32_t tries, const struct rng *rng);

#endif
