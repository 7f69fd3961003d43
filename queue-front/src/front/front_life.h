/* front_life.h: a loop's front from start to end. For main.c only; other files use front.h. */
#ifndef FG_QUEUE_FRONT_FRONT_LIFE_H
#define FG_QUEUE_FRONT_FRONT_LIFE_H

#include "front/front.h"

int front_create(struct service_loop *loop, struct front_shared *shared, struct err_slot *err,
                 struct front **out);
void front_use_keys(struct front *front); /* switches to the current shared->keys */
void front_leave(struct front *front);    /* the process is shutting down */
void front_close(struct front *front);    /* open requests at the store are answered first */

#endif
