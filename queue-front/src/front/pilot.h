/* pilot.h: the autopilot's shell: on a process's first loop, reads the health pages of the services
 * behind the line and proposes the decisions of core/load/autopilot.h. */
#ifndef FG_QUEUE_FRONT_PILOT_H
#define FG_QUEUE_FRONT_PILOT_H

#include "front/front.h"

/* Call often; does nothing while the event's autopilot is off or its interval lasts. */
void pilot_look(struct front *front, struct front_line *event);
void pilot_destroy(struct front_line *event);

#endif
