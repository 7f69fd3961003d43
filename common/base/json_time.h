/* json_time.h: a time as a JSON value: RFC 3339, or null if there is no time. */
#ifndef FG_BASE_JSON_TIME_H
#define FG_BASE_JSON_TIME_H

#include "base/rfc3339.h"

static inline void json_member_time(struct text *out, const char *key, uint64_t ms)
{
    json_key(out, key);
    if (ms == 0 || ms > RFC3339_MS_MAX) {
        json_nil(out);
        return;
    }
    char memory[RFC3339_LEN + 2] = {'"'};
    struct text time = text_on(memory + 1, RFC3339_LEN);
    rfc3339_put(&time, ms);
    memory[1 + time.len] = '"';
    json_raw(out, (struct span){memory, time.len + 2});
}

#endif
