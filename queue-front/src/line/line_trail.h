/* line_trail.h: the audit trail and the time series as JSON, from what Redis answers. */
#ifndef FG_QUEUE_FRONT_LINE_TRAIL_H
#define FG_QUEUE_FRONT_LINE_TRAIL_H

#include "base/text.h"

#include <hiredis/hiredis.h>

/* On success *out's memory is taken by the caller, to be freed. Rows that cannot be read are left
 * out. False: no memory. */
bool line_trail_audit(const redisReply *reply, struct text *out);
/* The samples as they are, in brackets and with commas between. */
bool line_trail_series(const redisReply *reply, struct text *out);

#endif
