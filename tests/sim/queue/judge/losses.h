/* losses.h: when Redis lost what it had, and what was forgotten with it. */
#ifndef FG_SIM_QUEUE_LOSSES_H
#define FG_SIM_QUEUE_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

enum { LOSSES_UNSEEN_MS = 2000 }; /* the last news of a front that the others do not have */

void losses_happened(void);
void losses_silenced(unsigned front); /* it died, left, stands still or is cut off */
bool losses_was_silenced(unsigned front, uint64_t since_us);
bool losses_any(void);
uint64_t losses_last_us(void);
bool losses_came_twice(uint64_t since_us);
/* A promise of this front, that nobody else may have known when Redis lost it. */
bool losses_may_forget(unsigned front, uint64_t at_us);

#endif
