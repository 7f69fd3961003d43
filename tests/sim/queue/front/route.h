/* route.h: redis_route.h as the world has it. A program that links this has no other. */
#ifndef FG_SIM_QUEUE_ROUTE_H
#define FG_SIM_QUEUE_ROUTE_H

struct sim_proc;

/* `cut_off` gets each front that cannot reach Redis for long. */
void route_begin(void (*cut_off)(struct sim_proc *proc));

#endif
