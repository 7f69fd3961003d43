/* served.h: watches on a process's first loop whether events are served, so that visit clocks pause
 * while they are not (lua/shared/visits.lua). */
#ifndef FG_QUEUE_FRONT_SERVED_H
#define FG_QUEUE_FRONT_SERVED_H

#include "front/front.h"

/* Call often: requests all pages once a second, and stores the result in each event. */
void served_look(struct front *front);

/* Sends with the next tick what this process knows of the event's seats. */
void served_put(struct front_line *event);

#endif
