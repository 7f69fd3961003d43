/* admin_find.h: finds an operator's event, even if it ended long ago. Such an event is no longer in
 * memory and is loaded from Redis for a while. */
#ifndef FG_QUEUE_FRONT_ADMIN_FIND_H
#define FG_QUEUE_FRONT_ADMIN_FIND_H

#include "front/front.h"

/* Calls back once, immediately if the event is here. `event` is NULL if it does not exist, or if
 * Redis did not answer in time (`unavailable`). */
typedef void admin_found(void *ctx, const struct front_line *event, bool unavailable);
void admin_find(struct front *front, struct span id, admin_found *on_found, void *ctx);

#endif
