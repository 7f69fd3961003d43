/* presales.h: checks presale codes by Redis's writes and the responses: a place needs a loaded
 * code, in the lane that the code opens; no code opens more places than it may, and none with uses
 * left is rejected; the pass names the seats that the code opens. */
#ifndef FG_SIM_QUEUE_JUDGE_PRESALES_H
#define FG_SIM_QUEUE_JUDGE_PRESALES_H

#include "queue/front/ask.h"

/* Redis writes codes: digests and their values, as in HSET. */
void presales_on_written(unsigned event, const struct span *words, size_t len);
void presales_on_dropped(unsigned event);
void presales_on_loss(void);
void presales_forget(unsigned event); /* another event begins */
/* A join got a response. `must_show`: codes were required all the time. */
void presales_on_join(const struct ask *ask, bool must_show);
/* A visitor is let in for the first time. */
void presales_on_pass(const struct ask *ask);

#endif
