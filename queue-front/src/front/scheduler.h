/* scheduler.h: takes the steps of an event's schedule when they are due, and closes it at its time.
 */
#ifndef FG_QUEUE_FRONT_SCHEDULER_H
#define FG_QUEUE_FRONT_SCHEDULER_H

#include "front/front.h"

/* To be called often; does nothing unless something is due. */
void scheduler_look(struct front *front, struct front_line *event);

#endif
