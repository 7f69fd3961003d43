/* losses.h: when Redis lost data, and which promises were lost with it. */
#ifndef FG_SIM_QUEUE_LOSSES_H
#define FG_SIM_QUEUE_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

enum { LOSSES_UNSEEN_MS = 2000 }; /* the last news of a front that the others lack */

void losses_happened(void);
void losses_silenced(unsigned front); /* it died, left, is paused or cut off */
bool losses_was_silenced(unsigned front, uint64_t since_us);
bool losses_any(void);
uint64_t losses_last_us(void);
bool losses_came_twice(uint64_t since_us);
/* Whether a promise of this front may have been unknown to all others when Redis lost it. */
bool losses_may_forget(unsigned front, uint64_t at_us);

#endif
