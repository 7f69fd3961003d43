/* run.h: one process's share of a run: its loop, its pools, its visitors. */
#ifndef FG_CROWD_RUN_H
#define FG_CROWD_RUN_H

#include "visitor/visitor.h"

/* Shared memory of the parent and its children. */
struct run_shared {
    _Atomic uint32_t ready;           /* children whose accounts have logged in */
    _Atomic uint32_t failed, stopped; /* above 0: all end at once */
    _Atomic uint64_t start_us;        /* monotonic; 0: not yet */
    struct crowd_stats stats[];       /* one for each child */
};

/* Runs share number `part` to its end, in a process of its own. Returns its exit status. */
int run_part(const struct scenario *scenario, uint32_t part, struct run_shared *shared);

#endif
