/* pg_args.h: binary parameters of a statement, built in the caller's memory, used by one call of
 * pg.h, and reused. Values that do not fit are not cut: the arguments are marked as overflown, and
 * the call refuses them. */
#ifndef FG_PG_PG_ARGS_H
#define FG_PG_PG_ARGS_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { PG_ARGS_MAX = 28 };

struct pg_args {
    uint8_t *buf;
    size_t len, cap;
    size_t array_at; /* where the open array began; SIZE_MAX outside an array */
    int count;
    bool overflown;
    unsigned types[PG_ARGS_MAX];
    const char *values[PG_ARGS_MAX];
    int lengths[PG_ARGS_MAX];
    int formats[PG_ARGS_MAX];
};

void pg_args_init(struct pg_args *args, void *memory, size_t cap);
void pg_arg_bool(struct pg_args *args, bool value);
void pg_arg_i32(struct pg_args *args, int32_t value);
void pg_arg_i64(struct pg_args *args, int64_t value);
void pg_arg_text(struct pg_args *args, struct span value);
void pg_arg_bytea(struct pg_args *args, struct span value);
/* Like pg_arg_bytea(), but not copied: for documents. The bytes must outlive the call. */
void pg_arg_bytea_borrow(struct pg_args *args, struct span value);

/* One-dimensional arrays: open, `count` elements, done. */
enum pg_array {
    PG_ARRAY_I16,
    PG_ARRAY_I32,
    PG_ARRAY_I64,
    PG_ARRAY_TEXT,
    PG_ARRAY_BYTEA,
    PG_ARRAY_TIME
};
void pg_array_open(struct pg_args *args, enum pg_array type, uint32_t count);
void pg_array_i16(struct pg_args *args, int16_t value);
void pg_array_i32(struct pg_args *args, int32_t value);
void pg_array_i64(struct pg_args *args, int64_t value);
void pg_array_null(struct pg_args *args);
void pg_array_time(struct pg_args *args, uint64_t unix_ms);   /* timestamptz */
void pg_array_bytes(struct pg_args *args, struct span value); /* text and bytea */
void pg_array_close(struct pg_args *args);

#endif
