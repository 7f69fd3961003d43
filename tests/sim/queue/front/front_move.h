/* front_move.h: carrying a place to another device. */
#ifndef FG_SIM_QUEUE_FRONT_FRONT_MOVE_H
#define FG_SIM_QUEUE_FRONT_FRONT_MOVE_H

#include "queue/front/front.h"

void front_move_code(struct front *front, struct ask *ask); /* makes one */
void front_move_take(struct front *front, struct ask *ask); /* shows it */

#endif
