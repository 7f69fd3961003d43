/* rate.h: how many an event may call: in any window of T seconds at most rate * (T + 0.25) + burst,
 * of all its lanes, and ever no more than came together by then. */
#ifndef FG_SIM_QUEUE_JUDGE_RATE_H
#define FG_SIM_QUEUE_JUDGE_RATE_H

#include "queue/front/lines.h"

/* Knobs as Redis has them; `lanes` without the general line. */
void rate_set(unsigned event, double rate, double burst, unsigned lanes);
/* The clock of Redis was stepped on: the next tick sees more time than there was. */
void rate_on_step(void);
void rate_refill(unsigned event);
void rate_forget(unsigned event); /* it is another event from now on */
/* A place is called, and pays by it; a ghost pays when it comes in. Breaks if it may not. */
void rate_call(uint64_t number);
void rate_pay(uint64_t number);

#endif
