/* breaker.h: a circuit breaker: keeps callers away from a peer that does not answer.
 *
 * Closed: all calls are allowed. After `trip` consecutive calls without an answer it opens: no
 * calls for open_ms. Then it is half-open: one caller may probe, and another every open_ms until a
 * probe reports. An answer closes the breaker, silence opens it again. During a long outage pauses
 * grow to open_max_ms. A refusal counts as an answer, because the peer responded. */
#ifndef FG_PAY_CORE_BREAKER_H
#define FG_PAY_CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    uint32_t silent;     /* consecutive calls without an answer */
    uint32_t probes;     /* ... of which probes */
    uint64_t open_until; /* open: when a probe may go; half-open: when to give the probe up */
    uint64_t opened;     /* times it opened, ever: a metric */
    uint32_t trip;
    uint32_t open_ms, open_max_ms;
};

void breaker_init(struct breaker *breaker, uint32_t trip, uint32_t open_ms, uint32_t open_max_ms);

/* Whether a call may go now. In half-open, true takes the one probe, so it must be followed by
 * breaker_answered(), breaker_missed() or breaker_unasked(). A probe that never reports is given up
 * after a pause as long as the last. */
bool breaker_allow(struct breaker *breaker, uint64_t now_us);
/* The call was not made after all, which says nothing about the peer: another caller may probe. */
void breaker_unasked(struct breaker *breaker, uint64_t now_us);
void breaker_answered(struct breaker *breaker);
void breaker_missed(struct breaker *breaker, uint64_t now_us);
/* How long until it is worth trying again; 0 when closed. */
uint32_t breaker_wait_ms(const struct breaker *breaker, uint64_t now_us);

#endif
