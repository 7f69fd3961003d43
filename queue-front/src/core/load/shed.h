/* shed.h: which joins a front accepts. Under overload new places are given up first: a place is a
 * promise, and a newcomer without one can come back later. As many joins may wait as are answered
 * within SHED_WAIT_MS, by measurement: a bound in time, the same on a fast machine and on a slow
 * one. Pure, and belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_SHED_H
#define FG_QUEUE_FRONT_CORE_SHED_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SHED_TICK_MS = 100,     /* how often shed_tick() is called */
    SHED_WAIT_MS = 400,     /* half of the time after which a call is given up */
    SHED_PENDING_MIN = 512, /* one batch is always let through: it measures how fast Redis is */
    SHED_BACK_MIN_S = 2,    /* the refused are spread over this many seconds at least ... */
    SHED_BACK_MAX_S = 120,  /* ... and this many at most */
};

struct shed {
    uint32_t calm_max;          /* joins that may wait before anything was measured */
    uint32_t pending_max;       /* and now */
    uint32_t answered, refused; /* since the last tick */
    uint64_t waited_ms;         /* by all of the answered together */
    uint64_t rate_milli;        /* joins answered a second, smoothed */
    uint64_t away_milli;        /* roughly how many were sent away and not served since */
};

void shed_init(struct shed *shed, uint32_t calm_max);
void shed_tick(struct shed *shed, uint64_t pending);
void shed_answered(struct shed *shed, uint32_t waited_ms); /* Redis answered a join */

/* May this join be accepted behind `pending` that wait? */
bool shed_allows(struct shed *shed, uint64_t pending);
/* When a refused visitor should come back: spread evenly over the time that it takes to serve all
 * who were sent away. */
uint32_t shed_retry_s(const struct shed *shed, uint32_t random);

#endif
