/* fronts.h: the fronts, and what visitors and operators ask of them.
 *
 * The line's store and all that it is made of, the places and their arithmetic and the tickets are
 * queue-front's own. What queue-front's api/ does between a request and the store is done here in
 * few words: no HTTP, no cookies, no passes with signatures. */
#ifndef FG_SIM_QUEUE_FRONTS_H
#define FG_SIM_QUEUE_FRONTS_H

#include "crypto/jwks.h"
#include "queue/front/ask.h"

enum { FRONTS = 3, FRONTS_GONE_AFTER_MS = 6000 };

/* `events`: how many there will be. */
void fronts_begin(const struct ask_ears *ears, unsigned events);
unsigned fronts_events(void);
/* From now on visits get passes, signed by these keys, and readers of these learn who left. */
void fronts_sign(void (*on_left)(const char *session));
const struct jwks *fronts_keys(void);
void fronts_fault(uint32_t ms);
/* The answer comes later, or never. */
void fronts_ask(struct ask *ask);
/* Of a front that runs; NULL: none has any. */
const struct line_view *fronts_view(struct line_ref line);

#endif
