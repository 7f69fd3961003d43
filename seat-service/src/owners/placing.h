/* placing.h: which of the events that nobody owns a process should try to own, where several share
 * them. Pure: every process computes this from what it sees, and the locks decide where two have
 * seen different things. */
#ifndef FG_SEAT_SERVICE_PLACING_H
#define FG_SEAT_SERVICE_PLACING_H

#include "shell_limits.h"

#include <stdbool.h>
#include <stdint.h>

/* Those that share. A member has a place among them while it lives. */
struct placing {
    bool alive[OWNERS_MAX];
    uint32_t load[OWNERS_MAX]; /* events that it owns */
    uint32_t expected;         /* how many there should be */
    uint32_t self;             /* our place; alive */
};

/* Whom an operator wants to have an event. */
enum placing_wish { PLACING_WISH_NONE, PLACING_WISH_US, PLACING_WISH_OTHER };

struct placing_event {
    enum placing_wish wish;
    bool owned;   /* or about to be: its lock is taken */
    bool returns; /* is left to its owner, which is about to connect again */
    bool waits;   /* nobody has had it yet, so it also waits for members that are still to come */
    bool forlorn; /* has been free for too long: any member that can should own it */
};

/* What this process has seen of an event. */
struct placing_seen {
    enum placing_wish wish;
    bool owned, was_owned;      /* now; ever, by another */
    uint64_t free_ms;           /* for how long nobody has had its lock */
    uint64_t here_ms, again_ms; /* since we were here first, and since we connected last */
};
struct placing_event placing_judge(const struct placing_seen *seen);

/* mine[i]: try events[i]. They go in their order, which is the same for all, each to the member
 * that has least, the first of those; load is counted up meanwhile. */
void placing_choose(struct placing *placing, const struct placing_event *events, uint32_t len,
                    bool *mine);

#endif
