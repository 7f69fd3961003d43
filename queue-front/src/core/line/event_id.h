/* event_id.h: an event's name as it stands in paths, cookies, keys of Redis and tokens: 1 to 64 of
 * a-z, 0-9 and '-', the first of them no '-', as seat-service has it. It needs no escape anywhere,
 * and no program takes it for an option. */
#ifndef FG_QUEUE_FRONT_CORE_EVENT_ID_H
#define FG_QUEUE_FRONT_CORE_EVENT_ID_H

#include "core/line/line.h"

static inline bool event_id_ok(struct span id)
{
    if (id.len == 0 || id.len > LINE_EVENT_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (i > 0 && c == '-')))
            return false;
    }
    return true;
}

#endif
