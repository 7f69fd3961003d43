/* reply.h: replies in Redis's format. */
#ifndef FG_SIM_REDIS_REPLY_H
#define FG_SIM_REDIS_REPLY_H

#include "redis-model/bytes.h"

void reply_status(struct bytes *out, const char *text);
void reply_error(struct bytes *out, const char *text);
void reply_integer(struct bytes *out, int64_t number);
void reply_bulk(struct bytes *out, struct span text);
void reply_null(struct bytes *out);
void reply_array(struct bytes *out, size_t len);

#endif
