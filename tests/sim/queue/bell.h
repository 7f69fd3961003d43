/* bell.h: sends a request to a front and waits for the response. */
#ifndef FG_SIM_QUEUE_BELL_H
#define FG_SIM_QUEUE_BELL_H

#include "queue/front/fronts.h"

/* Copies a request and sets this bell. The copy is never freed: the network may still have it. */
struct ask *bell_copy(struct sim_gate *bell, const struct ask *asked);
/* Sends and waits, on a fiber. Returns false on silence, with ANSWER_NONE. */
bool bell_ask(struct ask *ask);

#endif
