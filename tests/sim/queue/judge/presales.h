/* presales.h: presale codes, checked by what Redis writes of them and the answers to visitors: a
 * place is had by a code that was loaded, in the lane that the code opens; no code opens more
 * places than it may, and none is refused that may open more; the pass names the seats that the
 * code opens. */
#ifndef FG_SIM_QUEUE_JUDGE_PRESALES_H
#define FG_SIM_QUEUE_JUDGE_PRESALES_H

#include "queue/front/ask.h"

/* Redis writes some: as in HSET, digests and what stands for each. */
void presales_on_written(unsigned event, const struct span *words, size_t len);
void presales_on_dropped(unsigned event);
void presales_on_loss(void);
void presales_forget(unsigned event); /* it is another event from now on */
/* A join that was answered. `must_show`: all the time nobody might join without a code. */
void presales_on_join(const struct ask *ask, bool must_show);
/* Somebody is let in for the first time. */
void presales_on_pass(const struct ask *ask);

#endif
