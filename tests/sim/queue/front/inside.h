/* inside.h: a visitor who is inside, as long as that lasts, as the seller there sees it. Nothing of
 * queue-front stands in here, so that the seats' files can read it. */
#ifndef FG_SIM_QUEUE_INSIDE_H
#define FG_SIM_QUEUE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

enum { GUEST_TICKET_MAX = 64, GUEST_PASS_MAX = 1025, GUEST_SESSION_MAX = 128 };

#define GUEST_ISSUER "line"

struct guest {
    uint64_t number; /* of the place */
    char ticket[GUEST_TICKET_MAX];
    char pass[GUEST_PASS_MAX]; /* the newest; each beat brings another */
    char session[GUEST_SESSION_MAX];
    char foreign[GUEST_PASS_MAX]; /* for another event, where nothing is sold in this world */
    bool done;                    /* there is nothing more to do here */
};

/* What visitors do once they are inside, in place of just being there. `comes`, on the visitor's
 * fiber, begins it and returns at once; `left`: a front tells the seats that a visit is over. */
struct guest_host {
    void (*comes)(struct guest *guest);
    void (*left)(const char *session);
};

#endif
