/* trail.h: who did what to an event, when and why, by the trails of all three services. */
#ifndef FG_CTL_ACTS_TRAIL_H
#define FG_CTL_ACTS_TRAIL_H

#include "acts/job.h"

enum { TRAILS = 3 };

#define TRAIL_COLUMNS "at:AT where:WHERE who:WHO why:WHY what:WHAT"

struct trails {
    struct trail {
        enum command_service service;
        const char *path;
        const char *rows; /* the member that holds them */
        struct call call;
    } trail[TRAILS];
    size_t len;
};

/* Without an event: who deleted which. With one: all that was done to it, wherever it was done. A
 * service that does not know the event has nothing to tell, which is no failure. To be freed,
 * whatever the answer. */
int trail_fetch(struct job *job, struct trails *trails);
void trail_free(struct trails *trails);

/* All of it, newest first, as {at, where, who, why, what}; NULL: no memory. The caller's. */
json_t *trail_list(const struct trails *trails);

int trail_audit(struct job *job); /* the command */

#endif
