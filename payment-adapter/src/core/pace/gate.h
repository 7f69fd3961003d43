/* gate.h: lets a fixed number of callers through per second: one gate for all loops of a process,
 * one atomic word, no lock.
 *
 * The word is the moment up to which callers have been paid for. Each one moves it one interval
 * onward, and may run ahead of the clock by the burst. No second sees more than burst + per_s. */
#ifndef FG_PAY_CORE_GATE_H
#define FG_PAY_CORE_GATE_H

#include "base/span.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
    _Atomic uint64_t paid_ns;
    uint64_t interval_ns, burst_ns;
};

void gate_init(struct gate *gate, uint32_t per_s, uint32_t burst); /* each at least 1 */
bool gate_take(struct gate *gate, uint64_t now_us);                /* any thread */
/* The two halves of gate_take(), for callers with rules of their own: how far the gate is ahead of
 * the clock, and paying unconditionally. */
uint64_t gate_ahead_ns(const struct gate *gate, uint64_t now_us);
void gate_pay(struct gate *gate, uint64_t now_us);
/* Moves a moment like `paid_ns` by by_ns; a moment in the past counts as now. */
void gate_move(_Atomic uint64_t *paid_ns, uint64_t now_ns, uint64_t by_ns);

enum { GATE_SET_LEN = 2048 }; /* more than a venue has scanners, or a second sees transfers */

/* A rate limit for each of many callers, in memory that does not grow: a key (a token, a member, an
 * address) always maps to the same gate. Two keys that share a gate share its rate, which is rare
 * and costs them a second. Any thread. */
struct gate_set {
    struct gate gates[GATE_SET_LEN];
};

void gate_set_init(struct gate_set *set, uint32_t per_s, uint32_t burst);
bool gate_set_take(struct gate_set *set, struct span key, uint64_t now_us);

#endif
