/* pilot.h: the autopilot's shell: reads the health pages of the services behind the line, on a
 * process's first loop, and proposes what core/load/autopilot.h decides. */
#ifndef FG_QUEUE_FRONT_PILOT_H
#define FG_QUEUE_FRONT_PILOT_H

#include "front/front.h"

struct pilots; /* one a process; its first loop owns it */

/* front->pilots; nothing is made on other loops than the first. */
int pilots_create(struct front *front, struct err_slot *err);
void pilots_close(struct pilots *pilots); /* silent from here on */

/* To be called often; does nothing while the event's autopilot is off or its interval lasts. */
void pilot_look(struct front *front, struct front_line *event);
void pilot_destroy(struct front_line *event); /* after pilots_close() */

#endif
