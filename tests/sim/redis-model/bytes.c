/* bytes.c: see bytes.h. */
#include "redis-model/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *bytes_grown(void *ptr, size_t bytes)
{
    void *more = realloc(ptr, bytes);
    assert(more != NULL);
    return more;
}

void bytes_put(struct bytes *bytes, const void *ptr, size_t len)
{
    if (bytes->len + len > bytes->cap) {
        bytes->cap = 2 * (bytes->len + len) + 16;
        bytes->ptr = bytes_grown(bytes->ptr, bytes->cap);
    }
    if (len > 0)
        memcpy(bytes->ptr + bytes->len, ptr, len);
    bytes->len += len;
}

void bytes_printf(struct bytes *bytes, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < sizeof(text));
    bytes_put(bytes, text, (size_t)len);
}

void bytes_set(struct bytes *bytes, struct span to)
{
    struct bytes fresh = {0};
    bytes_put(&fresh, to.ptr, to.len); /* `to` may point into `bytes` */
    free(bytes->ptr);
    *bytes = fresh;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->ptr);
    *bytes = (struct bytes){0};
}
