/* pg_args.c: writes parameters in PostgreSQL's binary form.
 *
 * Integers are big-endian. An array is its number of dimensions (1), a flag that there may be
 * NULLs, the element type, the length and the lower bound, then each element with its length. The
 * type numbers belong to PostgreSQL's catalogue and do not change. Binary needs no formatting,
 * parsing or quoting. */
#include "pg/pg_args.h"

#include "pg/pg_value.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_ARRAY_BYTEA = 1001,
    OID_ARRAY_INT2 = 1005,
    OID_ARRAY_INT4 = 1007,
    OID_ARRAY_TEXT = 1009,
    OID_ARRAY_INT8 = 1016,
    OID_TIME = 1184,
    OID_ARRAY_TIME = 1185,
};

void pg_args_init(struct pg_args *args, void *memory, size_t cap)
{
    args->buf = memory;
    args->cap = cap;
    args->len = 0;
    args->array_at = SIZE_MAX;
    args->count = 0;
    args->overflown = false;
}

static void put(struct pg_args *args, const void *bytes, size_t len)
{
    if (len > args->cap - args->len) {
        args->overflown = true;
        return;
    }
    if (len > 0)
        memcpy(args->buf + args->len, bytes, len);
    args->len += len;
}

static void put_u16(struct pg_args *args, uint16_t value)
{
    value = htobe16(value);
    put(args, &value, sizeof(value));
}

static void put_u32(struct pg_args *args, uint32_t value)
{
    value = htobe32(value);
    put(args, &value, sizeof(value));
}

static void put_u64(struct pg_args *args, uint64_t value)
{
    value = htobe64(value);
    put(args, &value, sizeof(value));
}

static void add_arg(struct pg_args *args, unsigned type, const void *value, size_t len)
{
    assert(args->count < PG_ARGS_MAX);
    assert(len <= INT32_MAX);
    args->types[args->count] = type;
    args->values[args->count] = value;
    args->lengths[args->count] = (int)len;
    args->formats[args->count] = 1;
    args->count += 1;
}

void pg_arg_bool(struct pg_args *args, bool value)
{
    size_t at = args->len;
    put(args, &(uint8_t){value ? 1 : 0}, 1);
    add_arg(args, OID_BOOL, args->buf + at, 1);
}

void pg_arg_i32(struct pg_args *args, int32_t value)
{
    size_t at = args->len;
    put_u32(args, (uint32_t)value);
    add_arg(args, OID_INT4, args->buf + at, sizeof(value));
}

void pg_arg_i64(struct pg_args *args, int64_t value)
{
    size_t at = args->len;
    put_u64(args, (uint64_t)value);
    add_arg(args, OID_INT8, args->buf + at, sizeof(value));
}

void pg_arg_text(struct pg_args *args, struct span value)
{
    size_t at = args->len;
    put(args, value.ptr, value.len);
    add_arg(args, OID_TEXT, args->buf + at, value.len);
}

void pg_arg_bytea(struct pg_args *args, struct span value)
{
    size_t at = args->len;
    put(args, value.ptr, value.len);
    add_arg(args, OID_BYTEA, args->buf + at, value.len);
}

void pg_arg_bytea_borrow(struct pg_args *args, struct span value)
{
    add_arg(args, OID_BYTEA, value.ptr != NULL ? value.ptr : "", value.len);
}

void pg_array_open(struct pg_args *args, enum pg_array type, uint32_t count)
{
    static const struct {
        unsigned array, element;
    } oids[] = {
        [PG_ARRAY_I16] = {OID_ARRAY_INT2, OID_INT2},
        [PG_ARRAY_I32] = {OID_ARRAY_INT4, OID_INT4},
        [PG_ARRAY_I64] = {OID_ARRAY_INT8, OID_INT8},
        [PG_ARRAY_TEXT] = {OID_ARRAY_TEXT, OID_TEXT},
        [PG_ARRAY_BYTEA] = {OID_ARRAY_BYTEA, OID_BYTEA},
        [PG_ARRAY_TIME] = {OID_ARRAY_TIME, OID_TIME},
    };
    assert(args->array_at == SIZE_MAX);
    args->array_at = args->len;
    add_arg(args, oids[type].array, args->buf + args->len, 0);
    put_u32(args, count > 0 ? 1 : 0);
    put_u32(args, 1); /* there may be NULLs */
    put_u32(args, oids[type].element);
    if (count > 0) {
        put_u32(args, count);
        put_u32(args, 1);
    }
}

void pg_array_i16(struct pg_args *args, int16_t value)
{
    put_u32(args, sizeof(value));
    put_u16(args, (uint16_t)value);
}

void pg_array_i32(struct pg_args *args, int32_t value)
{
    put_u32(args, sizeof(value));
    put_u32(args, (uint32_t)value);
}

void pg_array_i64(struct pg_args *args, int64_t value)
{
    put_u32(args, sizeof(value));
    put_u64(args, (uint64_t)value);
}

void pg_array_null(struct pg_args *args)
{
    put_u32(args, UINT32_MAX);
}

/* Microseconds since 2000 on the wire. */
void pg_array_time(struct pg_args *args, uint64_t unix_ms)
{
    pg_array_i64(args, (int64_t)unix_ms * 1000 - PG_EPOCH_US);
}

void pg_array_bytes(struct pg_args *args, struct span value)
{
    put_u32(args, (uint32_t)value.len);
    put(args, value.ptr, value.len);
}

void pg_array_close(struct pg_args *args)
{
    assert(args->array_at != SIZE_MAX);
    args->lengths[args->count - 1] = (int)(args->len - args->array_at);
    args->array_at = SIZE_MAX;
}
