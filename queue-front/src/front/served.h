/* served.h: sees whether those inside get what they came for, on a process's first loop, so that
 * the clock of their visits stands while they do not (lua/shared/visits.lua). */
#ifndef FG_QUEUE_FRONT_SERVED_H
#define FG_QUEUE_FRONT_SERVED_H

#include "front/front.h"

/* To be called often: asks all pages once a second, and writes into each event what they say. */
void served_look(struct front *front);

#endif
