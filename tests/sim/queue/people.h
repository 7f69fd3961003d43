/* people.h: the visitors, and the operator. */
#ifndef FG_SIM_QUEUE_PEOPLE_H
#define FG_SIM_QUEUE_PEOPLE_H

#include "queue/front/inside.h"

#include <stdbool.h>
#include <stdint.h>

void people_begin(uint32_t visitors, uint64_t sale_us);
/* From now on visitors inside are guests of this host. */
void people_host(const struct guest_host *host);
/* The rush is over: from now on the line is open and moves, and visitors stay. */
void people_calm_down(void);
bool people_gone(void);
uint32_t people_left(void); /* those still there */

#endif
