/* front_ask.h: visitors' requests by HTTP. */
#ifndef FG_SIM_QUEUE_FRONT_FRONT_ASK_H
#define FG_SIM_QUEUE_FRONT_FRONT_ASK_H

#include "queue/front/proc.h"

void front_ask(struct proc *proc, struct ask *ask);

#endif
