/* trail.h: who did what to an event, when and why, from the trails of all three services. */
#ifndef FG_CTL_ACTS_TRAIL_H
#define FG_CTL_ACTS_TRAIL_H

#include "acts/job.h"

enum { TRAILS = 3 };

#define TRAIL_COLUMNS "at:AT where:WHERE who:WHO why:WHY what:WHAT"

struct trails {
    struct trail {
        enum command_service service;
        const char *path;
        const char *rows; /* the member that holds the rows */
        struct call call;
    } trail[TRAILS];
    size_t len;
};

/* Without an event: who deleted which event. With one: everything done to it in any service. All
 * pages. A service that does not know the event contributes nothing, which is not a failure. After
 * a failure the other trails are there, too. Free the trails in any case. */
int trail_fetch(struct job *job, struct trails *trails);
void trail_free(struct trails *trails);

/* All rows, newest first, as {at, where, who, why, what}; NULL: no memory. Owned by the caller. */
json_t *trail_list(const struct trails *trails);

int trail_audit(struct job *job); /* the command */

#endif
