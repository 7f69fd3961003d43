/* queue.h: the world of the line: fronts, a Redis, visitors and an operator, from a seed. */
#ifndef FG_SIM_QUEUE_QUEUE_H
#define FG_SIM_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* After sim_begin() and fault_begin(). Comes back if nothing was broken. `canary`: somebody enters
 * who was not called. */
void queue_run(uint32_t visitors, uint32_t sale_s, bool canary);
uint32_t queue_joined(void);
uint32_t queue_entered(void);

#endif
