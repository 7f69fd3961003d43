/* queue.h: the world of the line: fronts, a Redis, visitors and an operator, from a seed. */
#ifndef FG_SIM_QUEUE_QUEUE_H
#define FG_SIM_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* Call it after sim_begin() and fault_begin(). It returns if no invariant broke. `canary`: a
 * visitor enters without a call. */
void queue_run(uint32_t visitors, uint32_t sale_s, bool canary);
/* The same in parts, for a world that sells seats inside: one event, whose visitors are guests of a
 * host (people_host()); people.h says when they are gone. */
void queue_begin(uint32_t visitors, uint64_t sale_us, unsigned events);
void queue_judge(void);
bool queue_load_before(const char *library); /* see fronts_load_before() */
uint32_t queue_joined(void);
uint32_t queue_entered(void);

#endif
