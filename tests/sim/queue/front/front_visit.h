/* front_visit.h: looking at a place, and being inside. */
#ifndef FG_SIM_QUEUE_FRONT_FRONT_VISIT_H
#define FG_SIM_QUEUE_FRONT_FRONT_VISIT_H

#include "queue/front/front.h"

void front_visit_look(struct front *front, struct ask *ask);
void front_visit_handle(struct front *front, struct ask *ask);

#endif
