/* pg_fuzz.c: values of PostgreSQL: the fields of a row of COPY, which are refused when they do not
 * fit; numbers and times in results of both formats, which read back as they were written; and
 * arguments, which are never written past their memory. */
#include "../fuzz.h"
#include "base/text.h"
#include "pg/pg_args.h"
#include "pg/pg_value.h"

#include <endian.h>

static void read_row(struct span row)
{
    const char *end = row.ptr + row.len;
    struct span field;
    size_t left = row.len;
    while (pg_field(&row, &field)) {
        assert(row.ptr + row.len == end);
        assert(row.len < left);
        left = row.len;
        if (field.ptr == NULL)
            continue;
        assert(field.ptr + field.len == row.ptr);
        if (field.len == 2 || field.len == 4 || field.len == 8)
            (void)pg_time_ms(pg_field_int(field));
    }
}

static PGresult *result_of(int format, const char *value, int len)
{
    char name[] = "n";
    char memory[64];
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc column = {.name = name, .format = format};
    assert(res != NULL && len < (int)sizeof(memory));
    memcpy(memory, value, (size_t)len);
    int set = PQsetResultAttrs(res, 1, &column);
    assert(set == 1);
    set = PQsetvalue(res, 0, 0, memory, len);
    assert(set == 1);
    return res;
}

static void read_number(int64_t number)
{
    char memory[32];
    struct text text = text_on(memory, sizeof(memory));
    uint64_t wire = htobe64((uint64_t)number);
    text_i64(&text, number);
    PGresult *as_text = result_of(0, text.ptr, (int)text.len);
    PGresult *as_binary = result_of(1, (const char *)&wire, sizeof(wire));
    assert(pg_i64(as_text, 0, 0) == number);
    assert(pg_i64(as_binary, 0, 0) == number);
    assert(!pg_null(as_text, 0, 0));
    PQclear(as_text);
    PQclear(as_binary);
    assert(pg_time_ms(number) <= INT64_MAX / 1000);
}

/* The first byte is the size of the memory; each later byte chooses what to write. */
static void write_args(struct span in)
{
    size_t cap = in.len > 0 ? (unsigned char)in.ptr[0] : 0;
    uint8_t *memory = malloc(cap + 1);
    struct pg_args args;
    assert(memory != NULL);
    pg_args_init(&args, memory, cap);
    for (size_t i = 1; i < in.len && args.count < PG_ARGS_MAX; i++) {
        struct span some = span_skip(in, i);
        some.len = some.len < 9 ? some.len : 9;
        switch ((unsigned char)in.ptr[i] % 6) {
        case 0:
            pg_arg_i32(&args, in.ptr[i]);
            break;
        case 1:
            pg_arg_i64(&args, (int64_t)i << 40);
            break;
        case 2:
            pg_arg_text(&args, some);
            break;
        case 3:
            pg_array_open(&args, PG_ARRAY_I32, 2);
            pg_array_i32(&args, 1);
            pg_array_i32(&args, 2);
            pg_array_close(&args);
            break;
        case 4:
            pg_array_open(&args, PG_ARRAY_BYTEA, 2);
            pg_array_bytes(&args, some);
            pg_array_null(&args);
            pg_array_close(&args);
            break;
        default:
            pg_arg_bool(&args, true);
        }
        assert(args.len <= args.cap);
    }
    for (int i = 0; i < args.count && !args.overflown; i++)
        assert(args.values[i] == NULL || (args.lengths[i] >= 0 && (size_t)args.lengths[i] <= cap));
    free(memory);
}

static void fuzz(struct span in)
{
    int64_t number = 0;
    memcpy(&number, in.ptr, in.len < sizeof(number) ? in.len : sizeof(number));
    read_number(number);
    read_row(in);
    write_args(in);
}
