/* breaker.c: a table says which state may follow which, and one function moves. A failure reported
 * while the breaker is open comes from a call that left before it opened. It changes nothing, or
 * stragglers would keep the breaker open for good. A probe that never reports is replaced after as
 * long a pause, so a lost call cannot keep it half-open either. */
#include "core/pace/breaker.h"

#include "pace/backoff.h"

#include <assert.h>

enum { PROBES_NEAR = 8 }; /* failed probes before pauses grow: most outages are over by then */

void breaker_init(struct breaker *breaker, uint32_t trip, uint32_t open_ms, uint32_t open_max_ms)
{
    assert(trip >= 1);
    assert(open_ms >= 1);
    assert(open_max_ms >= open_ms);
    *breaker = (struct breaker){
        .state = BREAKER_CLOSED, .trip = trip, .open_ms = open_ms, .open_max_ms = open_max_ms};
}

static const uint8_t breaker_next[] = {
    [BREAKER_CLOSED] = 1u << BREAKER_CLOSED | 1u << BREAKER_OPEN,
    [BREAKER_OPEN] = 1u << BREAKER_HALF_OPEN | 1u << BREAKER_CLOSED,
    /* Half-open again: the probe never reported. */
    [BREAKER_HALF_OPEN] = 1u << BREAKER_OPEN | 1u << BREAKER_CLOSED | 1u << BREAKER_HALF_OPEN,
};

static void breaker_move(struct breaker *breaker, enum breaker_state to)
{
    assert(breaker->trip >= 1); /* it was initialised */
    assert(breaker_next[breaker->state] & (1u << to));
    breaker->state = to;
}

static void pause_calls(struct breaker *breaker, uint64_t now_us)
{
    assert(breaker->open_ms >= 1);
    uint32_t tries = breaker->probes > PROBES_NEAR ? breaker->probes - PROBES_NEAR + 1 : 1;
    uint64_t pause_ms = backoff_bound_ms(breaker->open_ms, breaker->open_max_ms, tries);
    breaker->open_until = now_us + pause_ms * 1000;
}

static void open_it(struct breaker *breaker, uint64_t now_us)
{
    breaker_move(breaker, BREAKER_OPEN);
    pause_calls(breaker, now_us);
    breaker->opened++;
}

bool breaker_allow(struct breaker *breaker, uint64_t now_us)
{
    assert(breaker->trip >= 1); /* it was initialised */
    if (breaker->state == BREAKER_CLOSED)
        return true;
    if (now_us < breaker->open_until)
        return false;
    breaker_move(breaker, BREAKER_HALF_OPEN);
    pause_calls(breaker, now_us);
    return true;
}

void breaker_unasked(struct breaker *breaker, uint64_t now_us)
{
    assert(breaker->trip >= 1); /* it was initialised */
    if (breaker->state == BREAKER_HALF_OPEN)
        breaker->open_until = now_us;
}

void breaker_answered(struct breaker *breaker)
{
    breaker_move(breaker, BREAKER_CLOSED);
    breaker->silent = breaker->probes = 0;
    assert(breaker->silent < breaker->trip);
}

void breaker_missed(struct breaker *breaker, uint64_t now_us)
{
    breaker->silent++;
    if (breaker->state == BREAKER_HALF_OPEN) {
        breaker->probes++;
        open_it(breaker, now_us);
    } else if (breaker->state == BREAKER_CLOSED && breaker->silent >= breaker->trip) {
        open_it(breaker, now_us);
    }
    assert(breaker->state != BREAKER_CLOSED || breaker->silent < breaker->trip);
}

uint32_t breaker_wait_ms(const struct breaker *breaker, uint64_t now_us)
{
    assert(breaker->open_ms >= 1);
    if (breaker->state == BREAKER_CLOSED || now_us >= breaker->open_until)
        return 0;
    return (uint32_t)((breaker->open_until - now_us + 999) / 1000);
}
