/* timers.h: libuv's timers and wake-ups as the world has them. A program that links this has no
 * others. */
#ifndef FG_SIM_QUEUE_TIMERS_H
#define FG_SIM_QUEUE_TIMERS_H

void timers_begin(void); /* a call makes sure that this file is linked */

#endif
