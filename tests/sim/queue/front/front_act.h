/* front_act.h: what operators ask. */
#ifndef FG_SIM_QUEUE_FRONT_FRONT_ACT_H
#define FG_SIM_QUEUE_FRONT_FRONT_ACT_H

#include "queue/front/front.h"

void front_act_handle(struct front *front, struct ask *ask);

#endif
