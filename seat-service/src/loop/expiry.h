/* expiry.h: expires holds. Loop 0 only. */
#ifndef FG_SEAT_SERVICE_EXPIRY_H
#define FG_SEAT_SERVICE_EXPIRY_H

#include "loop/loop.h"

struct expiry;

struct expiry_event {
    struct expiry *expiry;
    uint32_t open; /* waiting for their commit */
    bool away;     /* its journal could not be written since its orders last got extra time */
};

struct expiry {
    uint32_t magic;
    struct loop *loop;
    uint32_t open; /* of events that are not away */
    uint32_t next; /* where to begin: after the event that reached the limit last time */
    bool more;     /* some were left at the limit */
    struct expiry_event events[EVENTS_MAX];
};

void expiry_init(struct expiry *expiry, struct loop *loop);
/* Each tick. */
void expiry_tick(struct expiry *expiry);
/* After a commit: the end of one batch starts the next. */
void expiry_go_on(struct expiry *expiry);

#endif
