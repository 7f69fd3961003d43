/* inside.h: a visitor inside, as the seller sees one. This header includes nothing of queue-front,
 * so that the seats' files can include it. */
#ifndef FG_SIM_QUEUE_INSIDE_H
#define FG_SIM_QUEUE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

enum { FRONTS_GONE_AFTER_MS = 6000 }; /* a visitor silent for this long may count as gone */
enum { GUEST_TICKET_MAX = 64, GUEST_PASS_MAX = 1025, GUEST_SESSION_MAX = 128 };

#define GUEST_ISSUER "line"

struct guest {
    uint64_t number; /* of the place, lines_number() */
    char ticket[GUEST_TICKET_MAX];
    char pass[GUEST_PASS_MAX]; /* the newest; each beat renews it */
    char session[GUEST_SESSION_MAX];
    char foreign[GUEST_PASS_MAX]; /* for another event, which sells nothing in this world */
    bool done;                    /* nothing is left to do inside */
};

/* What visitors do once inside, instead of only staying. `comes` runs on the visitor's fiber,
 * starts the guest and returns at once. `left`: a front tells the seats that a visit is over. */
struct guest_host {
    void (*comes)(struct guest *guest);
    void (*left)(const char *session);
};

#endif
