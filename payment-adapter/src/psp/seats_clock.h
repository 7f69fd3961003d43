/* seats_clock.h: the time by the seat service's clock, which decides when a hold ends and how long
 * a pass is valid for a purchase. So this service uses the same clock, whatever this machine's
 * says. One for all loops of a process. */
#ifndef FG_PAY_SEATS_CLOCK_H
#define FG_PAY_SEATS_CLOCK_H

#include "base/clock.h"
#include "outcall/outcall.h"

#include <stdbool.h>

struct seats_clock {
    struct clock clock; /* use &seats_clock->clock; durations use our own clock */
    const struct clock *own;
    _Atomic int64_t ahead_ms;  /* difference from our clock; negative: behind */
    _Atomic uint64_t apart_ms; /* its absolute value: a gauge */
    _Atomic bool is_known;     /* false: nothing was read yet, and it is our own */
};

void seats_clock_init(struct seats_clock *seats, const struct clock *own);

/* Call with each answer of the seat service, on arrival: its Date is the time of the sale. */
void seats_clock_read(struct seats_clock *seats, const struct outcall_answer *answer);

#endif
