/* route.h: redis_route.h as the world has it. Whoever links this has no other. */
#ifndef FG_SIM_QUEUE_ROUTE_H
#define FG_SIM_QUEUE_ROUTE_H

void route_begin(void); /* to be called, so that it is linked */

#endif
