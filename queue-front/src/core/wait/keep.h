/* keep.h: for how long a cache in front of us may keep the page of those who have no place, and
 * what it may do with it afterwards, by the state of the event. */
#ifndef FG_QUEUE_FRONT_CORE_WAIT_KEEP_H
#define FG_QUEUE_FRONT_CORE_WAIT_KEEP_H

#include "core/event/event_doc.h"
#include "core/line/line.h"

struct keep {
    uint32_t fresh_s; /* to be used without asking */
    uint32_t stale_s; /* for so long after that, while it is asked for anew */
    uint32_t error_s; /* or while we do not answer */
};

/* `kept_s`: as set. The times of the document that lie ahead change the page: nothing is fresh, or
 * stale without a fault of ours, beyond the next of them by more than a second. */
struct keep keep_for(enum line_state state, const struct event_doc *doc, uint64_t now_ms,
                     uint32_t kept_s);

/* The value of a Cache-Control header. */
void keep_put(struct text *out, const struct keep *keep);

#endif
