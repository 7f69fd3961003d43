/* breaker.c: a table says which state may follow which, and one function moves. A failure reported
 * while the breaker is open comes from a call that left before it opened; it changes nothing, or
 * stragglers would keep the breaker open for good. A probe that never reports is replaced after
 * open_ms, so a lost call cannot keep it half-open either. */
#include "core/pace/breaker.h"

#include <assert.h>

void breaker_init(struct breaker *breaker, uint32_t trip, uint32_t open_ms)
{
    assert(trip >= 1);
    assert(open_ms >= 1);
    *breaker = (struct breaker){.state = BREAKER_CLOSED, .trip = trip, .open_ms = open_ms};
}

static const uint8_t breaker_next[] = {
    [BREAKER_CLOSED] = 1u << BREAKER_CLOSED | 1u << BREAKER_OPEN,
    [BREAKER_OPEN] = 1u << BREAKER_HALF_OPEN | 1u << BREAKER_CLOSED,
    /* Half-open again: the probe never reported. */
    [BREAKER_HALF_OPEN] = 1u << BREAKER_OPEN | 1u << BREAKER_CLOSED | 1u << BREAKER_HALF_OPEN,
};

static void breaker_move(struct breaker *breaker, enum breaker_state to)
{
    assert(breaker->trip >= 1); /* it was inited */
    assert(breaker_next[breaker->state] & (1u << to));
    breaker->state = to;
}

static void open_it(struct breaker *breaker, uint64_t now_us)
{
    assert(breaker->open_ms >= 1);
    breaker_move(breaker, BREAKER_OPEN);
    breaker->open_until = now_us + (uint64_t)breaker->open_ms * 1000;
    breaker->opened++;
}

bool breaker_allow(struct breaker *breaker, uint64_t now_us)
{
    assert(breaker->trip >= 1); /* it was inited */
    if (breaker->state == BREAKER_CLOSED)
        return true;
    if (now_us < breaker->open_until)
        return false;
    breaker_move(breaker, BREAKER_HALF_OPEN);
    breaker->open_until = now_us + (uint64_t)breaker->open_ms * 1000;
    return true;
}

void breaker_heard(struct breaker *breaker)
{
    breaker_move(breaker, BREAKER_CLOSED);
    breaker->silent = 0;
    assert(breaker->silent < breaker->trip);
}

void breaker_missed(struct breaker *breaker, uint64_t now_us)
{
    breaker->silent++;
    if (breaker->state == BREAKER_HALF_OPEN)
        open_it(breaker, now_us);
    else if (breaker->state == BREAKER_CLOSED && breaker->silent >= breaker->trip)
        open_it(breaker, now_us);
    assert(breaker->state != BREAKER_CLOSED || breaker->silent < breaker->trip);
}

uint32_t breaker_wait_ms(const struct breaker *breaker, uint64_t now_us)
{
    assert(breaker->open_ms >= 1);
    if (breaker->state == BREAKER_CLOSED || now_us >= breaker->open_until)
        return 0;
    return (uint32_t)((breaker->open_until - now_us + 999) / 1000);
}
