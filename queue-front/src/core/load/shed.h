/* shed.h: which joins a front accepts. Under overload new places are refused first: a place is a
 * promise, and a newcomer without one can come back later. As many joins may wait as are answered
 * within SHED_WAIT_MS, by measurement: a limit in time, the same on fast and slow machines. Pure,
 * and belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_SHED_H
#define FG_QUEUE_FRONT_CORE_SHED_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SHED_TICK_MS = 100,     /* how often shed_tick() is called */
    SHED_WAIT_MS = 400,     /* half of a call's deadline */
    SHED_PENDING_MIN = 512, /* one batch is always accepted: it measures Redis's speed */
    SHED_BACK_MIN_S = 2,    /* refused visitors are spread over at least this many seconds ... */
    SHED_BACK_MAX_S = 120,  /* ... and this many at most */
};

struct shed {
    uint32_t calm_max;          /* joins that may wait before any measurement */
    uint32_t pending_max;       /* joins that may wait now */
    uint32_t answered, refused; /* since the last tick */
    uint64_t waited_ms;         /* by all answered joins together */
    uint64_t rate_milli;        /* joins answered a second, smoothed */
    uint64_t away_milli;        /* estimate of visitors rejected and not served since */
};

void shed_init(struct shed *shed, uint32_t calm_max);
void shed_tick(struct shed *shed, uint64_t pending);
void shed_answered(struct shed *shed, uint32_t waited_ms); /* Redis answered a join */

/* Whether to accept a join behind `pending` waiting ones. */
bool shed_allows(struct shed *shed, uint64_t pending);
/* When a refused visitor should retry: spread evenly over the time that it takes to serve all who
 * were refused. */
uint32_t shed_retry_s(const struct shed *shed, uint32_t random);

#endif
