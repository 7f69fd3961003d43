/* fronts.h: the fronts, and what visitors and operators ask of them.
 *
 * A front is queue-front's own, from its handlers to its store; only what lies below HTTP and Redis
 * is the world's. What operators ask goes to the store at once (front_act.h). */
#ifndef FG_SIM_QUEUE_FRONTS_H
#define FG_SIM_QUEUE_FRONTS_H

#include "crypto/jwks.h"
#include "queue/front/ask.h"

/* `events`: how many there will be. */
void fronts_begin(const struct ask_ears *ears, unsigned events);
unsigned fronts_events(void);
void fronts_tell(void (*on_left)(const char *session)); /* who has left */
const struct jwks *fronts_keys(void);                   /* that passes are signed with */
void fronts_fault(uint32_t ms);
/* The answer comes later, or never. */
void fronts_ask(struct ask *ask);
/* Of a front that runs; NULL: none has any. */
const struct line_view *fronts_view(struct line_ref line);

#endif
