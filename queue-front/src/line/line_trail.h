/* line_trail.h: the audit trail and the time series as JSON, from Redis's replies. */
#ifndef FG_QUEUE_FRONT_LINE_TRAIL_H
#define FG_QUEUE_FRONT_LINE_TRAIL_H

#include "base/text.h"

#include <hiredis/hiredis.h>

/* On success the caller owns *out and frees it. Unreadable rows are left out. False: no memory. */
bool line_trail_audit(const redisReply *reply, struct text *out);
/* The samples unchanged, in brackets and separated by commas. */
bool line_trail_series(const redisReply *reply, struct text *out);

#endif
