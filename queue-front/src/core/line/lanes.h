/* lanes.h: in which order the lanes of an event come to their ends. */
#ifndef FG_QUEUE_FRONT_CORE_LANES_H
#define FG_QUEUE_FRONT_CORE_LANES_H

#include "core/line/line.h"

enum { LANES_ALL = LANES_MAX + 1 }; /* with the general one, which is the first */

/* For each lane: how many are called in all lanes until the last of those who wait in it now has
 * been called. `shares` as in line_knobs; the part of a lane that is through goes to the others by
 * their shares. */
void lanes_reach(const uint64_t waiting[LANES_ALL], uint64_t shares, uint64_t upto[LANES_ALL]);

struct lane_crowd {
    double waiting; /* HUGE_VAL: it never ends */
    double show;    /* share of the called who come; above 0 */
};

/* How many of the lane `own` are called until this many visitors of all lanes have come. That lane
 * itself never ends, whatever its `waiting` says: the visitor who asks stands at its end or behind.
 */
double lanes_part(const struct lane_crowd *lanes, unsigned lanes_len, uint64_t shares, unsigned own,
                  double visitors);

#endif
