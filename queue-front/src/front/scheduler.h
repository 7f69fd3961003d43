/* scheduler.h: carries out the steps of an event's schedule when they are due, and closes the event
 * at its end. */
#ifndef FG_QUEUE_FRONT_SCHEDULER_H
#define FG_QUEUE_FRONT_SCHEDULER_H

#include "front/front.h"

/* Call often; does nothing unless something is due. */
void scheduler_look(struct front *front, struct front_line *event);

#endif
