/* front_life.h: a loop's front from its start to its end. Only main.c asks for it; what the others
 * ask of a front is front.h. */
#ifndef FG_QUEUE_FRONT_FRONT_LIFE_H
#define FG_QUEUE_FRONT_FRONT_LIFE_H

#include "front/front.h"

int front_create(struct service_loop *loop, struct front_shared *shared, struct err_slot *err,
                 struct front **out);
void front_use_keys(struct front *front); /* takes over what shared->keys is now */
void front_leave(struct front *front);    /* the process is coming to its end */
void front_close(struct front *front);    /* what is open at the store is answered first */

#endif
