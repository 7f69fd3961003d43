/* keep.h: how long a cache in front of us may store the page for visitors without a place, and how
 * it may use it afterwards, by the state of the event. */
#ifndef FG_QUEUE_FRONT_CORE_WAIT_KEEP_H
#define FG_QUEUE_FRONT_CORE_WAIT_KEEP_H

#include "core/event/event_doc.h"

struct keep {
    uint32_t fresh_s; /* served without revalidation */
    uint32_t stale_s; /* then served this long during revalidation */
    uint32_t error_s; /* or while we do not answer */
};

/* `kept_s`: the setting. Scheduled times in the document change the page: it is not fresh, or stale
 * without a failure of ours, for more than a second after the next of them. */
struct keep keep_for(enum line_state state, const struct event_doc *doc, uint64_t now_ms,
                     uint32_t kept_s);

/* The value of a Cache-Control header. */
void keep_put(struct text *out, const struct keep *keep);

#endif
