/* rate.h: limits the requests per second of a session, and what else is spent by time.
 *
 * One table for all loops, without a lock: a cell is a word, changed by compare-and-swap. It holds
 * the session's theoretical arrival time (GCRA): a request is allowed while that time is at most
 * the burst ahead. */
#ifndef FG_SEAT_SERVICE_RATE_H
#define FG_SEAT_SERVICE_RATE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct rate;

int rate_create(struct err_slot *err, struct rate **out);
void rate_destroy(struct rate *rate);
/* `session` is a hash. per_s 0: no limit. *retry_ms is set if the request is not allowed. */
bool rate_allows(struct rate *rate, uint64_t session, uint32_t per_s, uint64_t now_us,
                 uint64_t *retry_ms);
/* Takes `by_us` of the second that a name (a hash) gets per second, and of `burst_us` that it may
 * have saved. */
bool rate_spends(struct rate *rate, uint64_t name, uint64_t by_us, uint64_t burst_us,
                 uint64_t now_us, uint64_t *retry_ms);
/* Charges an allowed request as `times` more requests, for which the session's next ones wait. */
void rate_charge(struct rate *rate, uint64_t session, uint32_t per_s, uint32_t times,
                 uint64_t now_us);

#endif
