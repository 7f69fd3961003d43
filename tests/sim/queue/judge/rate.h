/* rate.h: how many visitors an event may call: in any window of T seconds at most rate * (T + 0.25)
 * + burst over all its lanes, and in total no more than the tokens so far. */
#ifndef FG_SIM_QUEUE_JUDGE_RATE_H
#define FG_SIM_QUEUE_JUDGE_RATE_H

#include "queue/front/lines.h"

/* Settings as Redis has them; `lanes` without the general line. */
void rate_set(unsigned event, double rate, double burst, unsigned lanes);
/* Redis's clock jumped ahead: the next tick sees more time than has passed. */
void rate_on_step(void);
void rate_refill(unsigned event);
void rate_forget(unsigned event); /* another event begins */
/* A called place pays a token, a ghost when it enters. Breaks I6 if there is none. */
void rate_call(uint64_t number);
void rate_pay(uint64_t number);

#endif
