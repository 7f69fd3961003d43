/* pg_value.c: reads one value of a result, text or binary.
 *
 * Committers request binary results, the pool requests text; the columns are the same, so they
 * share these readers. A value of another type or length would mean that the schema differs from
 * the migrations, which is a bug and is asserted. Text that is NULL is returned as "not there". For
 * a number that may be NULL, call pg_null() first. */
#include "pg/pg_value.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

bool pg_null(const PGresult *res, int row, int col)
{
    return PQgetisnull(res, row, col) == 1;
}

struct span pg_text(const PGresult *res, int row, int col)
{
    if (pg_null(res, row, col))
        return (struct span){NULL, 0};
    return (struct span){PQgetvalue(res, row, col), (size_t)PQgetlength(res, row, col)};
}

bool pg_bool(const PGresult *res, int row, int col)
{
    struct span value = pg_text(res, row, col);
    if (value.ptr == NULL)
        return false;
    assert(value.len == 1);
    return PQfformat(res, col) == 1 ? value.ptr[0] != 0 : value.ptr[0] == 't';
}

static int64_t number_of_text(struct span text)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t value = 0;
    uint64_t max = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    bool good = span_u64(negative ? span_skip(text, 1) : text, max, &value);
    assert(good);
    return negative ? (int64_t)(0 - value) : (int64_t)value;
}

int64_t pg_i64(const PGresult *res, int row, int col)
{
    struct span value = pg_text(res, row, col);
    return PQfformat(res, col) == 1 ? pg_field_int(value) : number_of_text(value);
}

int32_t pg_i32(const PGresult *res, int row, int col)
{
    int64_t value = pg_i64(res, row, col);
    assert(value >= INT32_MIN && value <= INT32_MAX);
    return (int32_t)value;
}

uint64_t pg_u64(const PGresult *res, int row, int col)
{
    int64_t value = pg_i64(res, row, col);
    assert(value >= 0);
    return (uint64_t)value;
}

uint64_t pg_time_ms(int64_t timestamptz)
{
    if (timestamptz > INT64_MAX - PG_EPOCH_US) /* 'infinity' becomes the largest number */
        return INT64_MAX / 1000;
    return timestamptz < -PG_EPOCH_US ? 0 : (uint64_t)((timestamptz + PG_EPOCH_US) / 1000);
}

bool pg_field(struct span *row, struct span *field)
{
    uint32_t len;
    if (row->len < sizeof(len))
        return false;
    memcpy(&len, row->ptr, sizeof(len));
    len = be32toh(len);
    *row = span_skip(*row, sizeof(len));
    if (len == UINT32_MAX) {
        *field = (struct span){NULL, 0};
        return true;
    }
    if (len > row->len)
        return false;
    *field = (struct span){row->ptr, len};
    *row = span_skip(*row, len);
    return true;
}

int64_t pg_field_int(struct span field)
{
    uint64_t value = 0;
    assert(field.len == 2 || field.len == 4 || field.len == 8);
    for (size_t i = 0; i < field.len; i++)
        value = value << 8 | (uint8_t)field.ptr[i];
    if (field.len == 2)
        return (int16_t)value;
    if (field.len == 4)
        return (int32_t)value;
    return (int64_t)value;
}
