/* plan_read.h: how the small parts of a plan's document are read: texts, numbers, positions. */
#ifndef FG_SEAT_CORE_PLAN_READ_H
#define FG_SEAT_CORE_PLAN_READ_H

#include "base/json_in.h"
#include "core/limits.h"

/* Text that may be absent or null. */
void plan_read_text(struct json_in *in, const char *key, struct span *out);
/* From -10,000,000 to 10,000,000; absent: *out stays. */
void plan_read_number(struct json_in *in, const char *key, float *out);
/* {"x", "y"}; absent: both stay. */
void plan_read_position(struct json_in *in, const char *key, float *x, float *y);

#endif
