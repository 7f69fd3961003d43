/* bytes.h: a growing byte buffer. */
#ifndef FG_SIM_REDIS_BYTES_H
#define FG_SIM_REDIS_BYTES_H

#include "base/span.h"

struct bytes {
    char *ptr;
    size_t len, cap;
};

void *bytes_grown(void *ptr, size_t bytes); /* realloc() */
void bytes_put(struct bytes *bytes, const void *ptr, size_t len);
void bytes_printf(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void bytes_set(struct bytes *bytes, struct span to);
static inline struct span bytes_span(const struct bytes *bytes)
{
    return (struct span){bytes->ptr, bytes->len};
}
void bytes_free(struct bytes *bytes);

#endif
