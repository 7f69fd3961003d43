/* mark.h: the name of a version of an event's seats, for readers who ask for later changes:
 * "1234-5f3a90c2b1e47d68". It is a number of the journal, and the branch (store_line) in which it
 * is valid: after a restore numbers are reused. A bare number counts as one of the current branch,
 * as before versions had branches. */
#ifndef FG_SEAT_SERVICE_MARK_H
#define FG_SEAT_SERVICE_MARK_H

#include "base/text.h"
#include "loop/loop.h"

struct mark {
    uint64_t version, line; /* line 0: no branch was named */
};

bool mark_read(struct span text, struct mark *out);
/* The branch of the current picture. Read it after the version; 0: unknown. */
uint64_t mark_line(const struct loop *loop, const struct event *event);
void mark_put(struct text *text, struct mark mark);
/* "line", next to "version"; nothing if it is 0. */
void mark_member(struct text *json, uint64_t line);
/* Whether the version belongs to the current journal. Also true if that is unknown. */
bool mark_fits(const struct loop *loop, const struct event *event, const struct mark *mark);

#endif
