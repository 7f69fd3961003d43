/* plan_read.h: reads the small parts of a plan's document: texts, numbers, positions. */
#ifndef FG_SEAT_CORE_PLAN_READ_H
#define FG_SEAT_CORE_PLAN_READ_H

#include "base/json_in.h"
#include "core/limits.h"

/* Unused members of one kind: how many, and where the document has the first one. */
struct plan_drop_count {
    char path[JSON_IN_POINTER_MAX + 32];
    uint32_t count;
};

/* Counts one more: a member of the object, or (NULL) the object. */
void plan_drop(struct plan_drop_count *dropped, const struct json_in *in, const char *key);

/* Text that may be absent or null. */
void plan_read_text(struct json_in *in, const char *key, struct span *out);
/* From -10,000,000 to 10,000,000; absent: *out is unchanged. */
void plan_read_number(struct json_in *in, const char *key, float *out);
/* {"x", "y"}; absent: both are unchanged. */
void plan_read_position(struct json_in *in, const char *key, float *x, float *y);

#endif
