/* buyers.h: the visitors of the world: each holds seats, perhaps changes its mind, orders, pays or
 * does not, cancels, and gives back. */
#ifndef FG_SIM_BUYERS_H
#define FG_SIM_BUYERS_H

#include "stage/sim.h"

struct guest;

/* Starts `len` buyers of an event, who arrive within `within_us`. */
void buyers_begin(unsigned event, uint32_t len, uint64_t within_us);
/* Starts one buyer who was admitted by the line. */
void buyers_come(struct guest *guest);
bool buyers_gone(void);

#endif
