/* rate.h: how many requests a second a session may make.
 *
 * One table for all loops, without a lock: a cell is a word, changed by compare-and-swap. It holds
 * the time at which the session's requests would be even (GCRA): a request is allowed while that
 * time is at most the burst ahead. */
#ifndef FG_SEAT_SERVICE_RATE_H
#define FG_SEAT_SERVICE_RATE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct rate;

int rate_create(struct err_slot *err, struct rate **out);
void rate_destroy(struct rate *rate);
/* `session` is a hash. per_s 0: everything is allowed. *retry_ms is set where the answer is no. */
bool rate_allows(struct rate *rate, uint64_t session, uint32_t per_s, uint64_t now_us,
                 uint64_t *retry_ms);
/* What an allowed request took beyond that counts as `times` more, which the next ones wait for. */
void rate_charge(struct rate *rate, uint64_t session, uint32_t per_s, uint32_t times,
                 uint64_t now_us);

#endif
