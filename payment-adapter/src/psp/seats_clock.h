/* seats_clock.h: the time by the seat service's clock. Until when a hold lasts, and for how long a
 * pass is good for a purchase, is judged there, so here it is judged by the same clock, whatever
 * this machine's says. One for all loops of a process. */
#ifndef FG_PAY_SEATS_CLOCK_H
#define FG_PAY_SEATS_CLOCK_H

#include "base/clock.h"
#include "outcall/outcall.h"

struct seats_clock {
    struct clock clock; /* pass &seats_clock->clock; durations are our own */
    const struct clock *own;
    _Atomic int64_t ahead_ms;  /* of ours; negative: behind */
    _Atomic uint64_t apart_ms; /* the same without its sign: a gauge */
};

void seats_clock_init(struct seats_clock *seats, const struct clock *own);

/* Any answer of the seat service, as it arrives: its Date says what time it is there. */
void seats_clock_heard(struct seats_clock *seats, const struct outcall_answer *answer);

#endif
