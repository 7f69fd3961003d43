/* mark.h: how a version of an event's seats is named to those who come back for what has changed
 * since: "1234-5f3a90c2b1e47d68". A number of the journal, and the line in which it has that number
 * (store_line): after a restore numbers come again. A bare number is taken for one of the line that
 * there is, as it was before versions had lines. */
#ifndef FG_SEAT_SERVICE_MARK_H
#define FG_SEAT_SERVICE_MARK_H

#include "base/text.h"
#include "loop/loop.h"

struct mark {
    uint64_t version, line; /* line 0: none was named */
};

bool mark_read(struct span text, struct mark *out);
/* The line of the current picture. Read it after the version; 0: none is known. */
uint64_t mark_line(const struct loop *loop, const struct event *event);
void mark_put(struct text *text, struct mark mark);
/* "line", next to "version"; nothing if there is none. */
void mark_member(struct text *json, uint64_t line);
/* Is that version one of the journal that there is? True also where nobody can know. */
bool mark_fits(const struct loop *loop, const struct event *event, const struct mark *mark);

#endif
