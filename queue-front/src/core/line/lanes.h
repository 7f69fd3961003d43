/* lanes.h: the order in which the lanes of an event empty. */
#ifndef FG_QUEUE_FRONT_CORE_LANES_H
#define FG_QUEUE_FRONT_CORE_LANES_H

#include "core/line/line.h"

enum { LANES_ALL = LANES_MAX + 1 }; /* including the general line, which is the first */

/* For each lane: how many are called in all lanes until everybody waiting in it now has been
 * called. `shares` as in line_knobs; the others take over an emptied lane's part by their
 * shares. */
void lanes_reach(const uint64_t waiting[LANES_ALL], uint64_t shares, uint64_t upto[LANES_ALL]);

struct lane_crowd {
    double waiting; /* HUGE_VAL: it never empties */
    double show;    /* share of the called who come; above 0 */
};

/* How many of the lane `own` are called until this many visitors of all lanes have come. That lane
 * never empties, whatever its `waiting`: the visitor is at its end or later. */
double lanes_part(const struct lane_crowd *lanes, unsigned lanes_len, uint64_t shares, unsigned own,
                  double visitors);

#endif
