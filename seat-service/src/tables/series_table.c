/* series_table.c: the table `counted`: how many seats of an event were free, held, sold and
 * blocked, a point every SERIES_MS.
 *
 * Points of all events are written with one statement, which also takes away those that are too
 * old: the table never outgrows its series. */
#include "tables/series_table.h"

#include <assert.h>
#include <stdlib.h>

enum { COUNTED_BYTES = 1024 + EVENTS_MAX * (EVENT_ID_MAX + 4 + 6 * 12) };

enum column { EVENT, AT, FREE, HELD, SOLD, BLOCKED, ERRORS, COLUMNS };

static void put_cell(struct pg_args *args, const struct counted_row *row, enum column column)
{
    switch (column) {
    case EVENT:
        pg_array_bytes(args, span_of(row->event));
        break;
    case AT:
        pg_array_time(args, row->at_ms);
        break;
    case FREE:
        pg_array_i32(args, (int32_t)row->free);
        break;
    case HELD:
        pg_array_i32(args, (int32_t)row->held);
        break;
    case SOLD:
        pg_array_i32(args, (int32_t)row->sold);
        break;
    case BLOCKED:
        pg_array_i32(args, (int32_t)row->blocked);
        break;
    default:
        pg_array_i64(args, (int64_t)row->errors);
        break;
    }
}

static const char SQL_COUNTED_WRITE[] =
    "WITH p AS (SELECT e.no, c.* FROM UNNEST($1::text[], $2::timestamptz[], $3::integer[],"
    "    $4::integer[], $5::integer[], $6::integer[], $7::bigint[])"
    "    AS c (id, at, free, held, sold, blocked, errors)"
    "  JOIN event e ON e.id = c.id"
    "), over AS (DELETE FROM counted USING p WHERE counted.event = p.no"
    "    AND counted.at < p.at - $8::bigint * interval '1 millisecond')"
    " INSERT INTO counted (event, at, free, held, sold, blocked, errors)"
    " SELECT no, at, free, held, sold, blocked, errors FROM p ON CONFLICT DO NOTHING";

int series_table_write(struct pg *pg, const struct counted_row *rows, uint32_t len, uint32_t keep,
                       struct err_slot *err)
{
    static const enum pg_array types[COLUMNS] = {
        [EVENT] = PG_ARRAY_TEXT, [AT] = PG_ARRAY_TIME,  [FREE] = PG_ARRAY_I32,
        [HELD] = PG_ARRAY_I32,   [SOLD] = PG_ARRAY_I32, [BLOCKED] = PG_ARRAY_I32,
        [ERRORS] = PG_ARRAY_I64,
    };
    uint8_t memory[COUNTED_BYTES];
    struct pg_args args;
    assert(len <= EVENTS_MAX);
    pg_args_init(&args, memory, sizeof(memory));
    for (unsigned column = 0; column < COLUMNS; column++) {
        pg_array_open(&args, types[column], len);
        for (uint32_t i = 0; i < len; i++)
            put_cell(&args, &rows[i], column);
        pg_array_close(&args);
    }
    pg_arg_i64(&args, (int64_t)keep * SERIES_MS);
    int rc = pg_change(pg, SQL_COUNTED_WRITE, &args, err, NULL);
    return rc < 0 ? err_wrap(err, "writing counts") : 0;
}

int series_table_read(struct pg *pg, struct span event, struct counted_row *out, uint32_t room,
                      struct err_slot *err, uint32_t *len)
{
    uint8_t memory[256];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, event);
    pg_arg_i32(&args, (int32_t)room);
    int rc = pg_query(
        pg,
        "SELECT (extract(epoch FROM c.at) * 1000)::bigint, c.free, c.held, c.sold,"
        "  c.blocked, c.errors FROM counted c JOIN event e ON e.no = c.event WHERE e.id = $1"
        " ORDER BY c.at DESC LIMIT $2",
        &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "reading counts");
    uint32_t rows = (uint32_t)PQntuples(res);
    for (uint32_t i = 0; i < rows; i++) {
        int row = (int)(rows - 1 - i);
        out[i] = (struct counted_row){.at_ms = (uint64_t)pg_i64(res, row, 0),
                                      .free = (uint32_t)pg_i32(res, row, 1),
                                      .held = (uint32_t)pg_i32(res, row, 2),
                                      .sold = (uint32_t)pg_i32(res, row, 3),
                                      .blocked = (uint32_t)pg_i32(res, row, 4),
                                      .errors = (uint64_t)pg_i64(res, row, 5)};
    }
    PQclear(res);
    *len = rows;
    return 0;
}
