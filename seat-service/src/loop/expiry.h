/* expiry.h: holds that run out. Loop 0's alone. */
#ifndef FG_SEAT_SERVICE_EXPIRY_H
#define FG_SEAT_SERVICE_EXPIRY_H

#include "loop/loop.h"

struct expiry {
    struct loop *loop;
    uint32_t open;            /* wait for their commit */
    const struct event *last; /* had all the room the last time */
    bool more;                /* some were left for want of room */
    bool away;                /* the journal could not be written since orders were spared last */
};

void expiry_init(struct expiry *expiry, struct loop *loop);
/* Each tick. */
void expiry_tick(struct expiry *expiry);
/* After a commit: the end of one lot begins the next. */
void expiry_go_on(struct expiry *expiry);

#endif
