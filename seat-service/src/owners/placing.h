/* placing.h: which free events a process should try to own, when several processes share a list.
 * Pure: each process computes this from its own view. Where two views differ, both may try, and the
 * event's lock decides. */
#ifndef FG_SEAT_SERVICE_PLACING_H
#define FG_SEAT_SERVICE_PLACING_H

#include "shell_limits.h"

#include <stdbool.h>
#include <stdint.h>

/* The processes that share the events. Each member has a place, a number, while it lives. */
struct placing {
    bool alive[OWNERS_MAX];
    uint32_t load[OWNERS_MAX]; /* events that the member owns */
    uint32_t expected;         /* number of members by configuration */
    uint32_t self;             /* our place, which is alive */
};

/* The process to which an operator wants to move an event. */
enum placing_wish { PLACING_WISH_NONE, PLACING_WISH_US, PLACING_WISH_OTHER };

struct placing_event {
    enum placing_wish wish;
    bool owned;   /* or about to be: its lock is taken */
    bool returns; /* left to its previous owner, which is about to reconnect */
    bool waits;   /* never owned so far, so it may also be left to a member that has yet to start */
    bool forlorn; /* free for too long: any member that can own it should */
};

/* What this process knows about an event. */
struct placing_seen {
    enum placing_wish wish;
    bool owned, was_owned;      /* now; ever, by another process */
    uint64_t free_ms;           /* how long its lock has been free */
    uint64_t here_ms, again_ms; /* since this process joined, and since its last reconnect */
};
struct placing_event placing_judge(const struct placing_seen *seen);

/* mine[i]: this process should try to own events[i]. In an order that all processes share, each
 * event goes to the least loaded member, the lowest place first; its load then rises. */
void placing_choose(struct placing *placing, const struct placing_event *events, uint32_t len,
                    bool *mine);

#endif
