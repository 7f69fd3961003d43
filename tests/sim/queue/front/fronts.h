/* fronts.h: the fronts, and requests of visitors and operators to them.
 *
 * A front is queue-front's own, from its handlers to its store; only the layers below HTTP and
 * Redis are the world's. */
#ifndef FG_SIM_QUEUE_FRONTS_H
#define FG_SIM_QUEUE_FRONTS_H

#include "queue/front/ask.h"

/* From here on some fronts are of the previous version, whose library this is. Returns false, and
 * says why, if it cannot be loaded. */
bool fronts_load_before(const char *path);
/* Starts the fronts with this number of events. */
void fronts_begin(const struct ask_ears *ears, unsigned events);
unsigned fronts_events(void);
void fronts_fault(uint32_t ms);
/* The response comes later, or never. */
void fronts_ask(struct ask *ask);
/* Copies a request and sets this bell. The copy is never freed: the network may still have it. */
struct ask *fronts_copy(struct sim_gate *bell, const struct ask *asked);
/* Sends and waits, on a fiber. Returns false on silence, with ANSWER_NONE. */
bool fronts_await(struct ask *ask);
/* A running front's picture of the line, of this version; NULL: none has one. */
const struct line_view *fronts_view(struct line_ref line);

#endif
