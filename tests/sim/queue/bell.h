/* bell.h: asking a front, and waiting for the answer. */
#ifndef FG_SIM_QUEUE_BELL_H
#define FG_SIM_QUEUE_BELL_H

#include "queue/front/fronts.h"

/* Of a request, to be asked by this bell. It stays, since the network may still have it. */
struct ask *bell_copy(struct sim_gate *bell, const struct ask *asked);
/* Asks and waits, on a fiber. False: silence, and ANSWER_NONE. */
bool bell_ask(struct ask *ask);

#endif
