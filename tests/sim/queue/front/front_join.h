/* front_join.h: joining a line. */
#ifndef FG_SIM_QUEUE_FRONT_FRONT_JOIN_H
#define FG_SIM_QUEUE_FRONT_FRONT_JOIN_H

#include "queue/front/front.h"

void front_join_handle(struct front *front, struct ask *ask);

#endif
