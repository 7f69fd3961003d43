/* breaker.h: a circuit breaker: keeps callers away from a peer that does not answer.
 *
 * Closed: everybody may call. After `trip` calls in a row without an answer it opens: nobody may
 * call for open_ms. Then one caller may probe (half-open), and another one each open_ms while none
 * has reported: an answer closes the breaker, silence opens it again. Of an outage that lasts,
 * pauses grow to open_max_ms. A refusal is an answer too: the peer spoke. */
#ifndef FG_PAY_CORE_BREAKER_H
#define FG_PAY_CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
    enum breaker_state state;
    uint32_t silent;     /* calls without an answer, in a row */
    uint32_t probes;     /* ... of them probes */
    uint64_t open_until; /* while open: when a probe may go; half-open: when to give it up */
    uint64_t opened;     /* how often it opened, ever: a metric */
    uint32_t trip;
    uint32_t open_ms, open_max_ms;
};

void breaker_init(struct breaker *breaker, uint32_t trip, uint32_t open_ms, uint32_t open_max_ms);

/* May a call go now? True in half-open takes the one probe, so a true must be followed by
 * breaker_heard(), breaker_missed() or breaker_unasked(); a probe that never reports is given up
 * after the pause before it. */
bool breaker_allow(struct breaker *breaker, uint64_t now_us);
/* The call did not go after all, which says nothing of the peer: another one may probe. */
void breaker_unasked(struct breaker *breaker, uint64_t now_us);
void breaker_heard(struct breaker *breaker);
void breaker_missed(struct breaker *breaker, uint64_t now_us);
/* How long until it is worth asking again; 0 when closed. */
uint32_t breaker_wait_ms(const struct breaker *breaker, uint64_t now_us);

#endif
