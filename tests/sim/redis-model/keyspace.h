/* keyspace.h: what a Redis keeps, and the commands that the line's scripts use of it; any other is
 * an error. Commands come as words and answer as Redis does, in bytes of its protocol.
 * tests/integration/line/model.test.js holds it against the real one.
 *
 * Its clock is an argument. What the time has run out of goes when somebody looks. */
#ifndef FG_SIM_REDIS_KEYSPACE_H
#define FG_SIM_REDIS_KEYSPACE_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. */
struct bytes {
    char *ptr;
    size_t len, cap;
};

void bytes_put(struct bytes *bytes, const void *ptr, size_t len);
void bytes_printf(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline struct span bytes_span(const struct bytes *bytes)
{
    return (struct span){bytes->ptr, bytes->len};
}
void bytes_free(struct bytes *bytes);

/* Answers. */
void reply_status(struct bytes *out, const char *text);
void reply_error(struct bytes *out, const char *text);
void reply_integer(struct bytes *out, int64_t number);
void reply_bulk(struct bytes *out, struct span text);
void reply_null(struct bytes *out);
void reply_array(struct bytes *out, size_t len);

struct keyspace;

struct keyspace *keyspace_make(void);
struct keyspace *keyspace_copy(const struct keyspace *from);
void keyspace_free(struct keyspace *keyspace);

enum { KEYSPACE_WRITES = 1, KEYSPACE_GROWS = 2 }; /* GROWS: refused when there is no memory */
/* What kind of command this is; -1: none that is known. */
int keyspace_kind(struct span name);
void keyspace_do(struct keyspace *keyspace, uint64_t now_us, const struct span *words, size_t len,
                 struct bytes *out);

/* How many bytes keys and values are: memory is judged by it. */
uint64_t keyspace_size(const struct keyspace *keyspace);

#endif
