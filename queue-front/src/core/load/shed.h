/* shed.h: which joins a front takes on. When more comes than can be done, new places are what is
 * given up first: a place is a promise; newcomers without one are told when to come back.
 *
 * Joins wait for Redis: as many are let wait as it answers within SHED_WAIT_MS, measured. That is
 * time in a queue, so the bound is the same on a fast machine and on a slow one.
 *
 * Tried and dropped: to refuse joins in a loop turn that has been at work for long, for the sake of
 * the polls behind them. A refusal costs more than to put a join into the queue, and who is refused
 * makes room for the next one at once: with 12,000 connections the front did nothing else any more,
 * and places given fell to a fortieth.
 *
 * Pure, and belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_SHED_H
#define FG_QUEUE_FRONT_CORE_SHED_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SHED_TICK_MS = 100,     /* how often shed_tick() is called */
    SHED_WAIT_MS = 400,     /* half of what a call may take until it is given up */
    SHED_PENDING_MIN = 512, /* one batch is let through always: it measures how fast Redis is */
    SHED_BACK_MIN_S = 2,    /* within how many seconds the refused come back, at least ... */
    SHED_BACK_MAX_S = 120,  /* ... and at most */
};

struct shed {
    uint32_t calm_max;          /* joins that may wait for Redis while nothing is known of it */
    uint32_t pending_max;       /* and just now */
    uint32_t answered, refused; /* since the last tick */
    uint64_t rate_milli;        /* joins answered a second, smoothed */
    uint64_t away_milli;        /* about how many were sent away and have not been served */
};

void shed_init(struct shed *shed, uint32_t calm_max);
void shed_tick(struct shed *shed, uint64_t pending);
void shed_answered(struct shed *shed); /* Redis answered a join */

/* May this one be taken on, behind so many that wait? */
bool shed_allows(struct shed *shed, uint64_t pending);
/* When somebody who is refused should come back: spread evenly over the time that it takes to serve
 * all who were sent away. */
uint32_t shed_retry_s(const struct shed *shed, uint32_t random);

#endif
