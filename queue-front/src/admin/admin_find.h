/* admin_find.h: the event that an operator names, also one that ended long ago: such a one is not
 * in memory any more, and is called up from Redis for a while. */
#ifndef FG_QUEUE_FRONT_ADMIN_FIND_H
#define FG_QUEUE_FRONT_ADMIN_FIND_H

#include "front/front.h"

/* Calls back once, at once if the event is here; `event` is NULL if there is none, or if Redis did
 * not tell in time (`unavailable`). */
typedef void admin_found(void *ctx, const struct front_line *event, bool unavailable);
void admin_find(struct front *front, struct span id, admin_found *on_found, void *ctx);

#endif
