/* lots.h: checks draws: the seed is the one committed before the pre-queue opened; each entry of
 * the line has one position and keeps it; and seed, beacon and number of entries give that
 * position. */
#ifndef FG_SIM_QUEUE_LOTS_H
#define FG_SIM_QUEUE_LOTS_H

#include "queue/front/lines.h"

/* Fields of this line's `cfg` were written. */
void lots_on_fields(struct line_ref line);
void lots_forget(unsigned event); /* another event begins */
/* A visitor of an open line saw a position. */
void lots_on_shown(unsigned front, struct line_ref line, uint64_t entry, uint64_t position);

#endif
