/* reply.c: see reply.h. */
#include "redis-model/reply.h"

#include <inttypes.h>

void reply_status(struct bytes *out, const char *text)
{
    bytes_printf(out, "+%s\r\n", text);
}

void reply_error(struct bytes *out, const char *text)
{
    bytes_printf(out, "-%s\r\n", text);
}

void reply_integer(struct bytes *out, int64_t number)
{
    bytes_printf(out, ":%" PRId64 "\r\n", number);
}

void reply_bulk(struct bytes *out, struct span text)
{
    bytes_printf(out, "$%zu\r\n", text.len);
    bytes_put(out, text.ptr, text.len);
    bytes_put(out, "\r\n", 2);
}

void reply_null(struct bytes *out)
{
    bytes_put(out, "$-1\r\n", 5);
}

void reply_array(struct bytes *out, size_t len)
{
    bytes_printf(out, "*%zu\r\n", len);
}
