/* lanes.h: in which order the lanes of an event come to their ends. */
#ifndef FG_QUEUE_FRONT_CORE_LANES_H
#define FG_QUEUE_FRONT_CORE_LANES_H

#include "core/line/line.h"

enum { LANES_ALL = LANES_MAX + 1 }; /* with the general one, which is the first */

/* How many are called in all until the last of those who wait now in each lane has been. `shares`
 * as in line_knobs; what a lane that is through does not use goes to the others by their shares. */
void lanes_reach(const uint64_t waiting[LANES_ALL], uint64_t shares, uint64_t upto[LANES_ALL]);

struct lane_crowd {
    double waiting; /* HUGE_VAL: it never ends */
    double show;    /* share of the called who come; above 0 */
};

/* Until so many visitors of all lanes have come: how many of the lane `own` are called. It does not
 * end itself, whatever its `waiting` says: who asks stands at its end or behind. */
double lanes_part(const struct lane_crowd *lanes, unsigned lanes_len, uint64_t shares, unsigned own,
                  double visitors);

#endif
