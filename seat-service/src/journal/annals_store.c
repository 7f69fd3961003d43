/* annals_store.c: see annals_store.h. */
#include "journal/annals_store.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ENDED_BYTES = 1024 + ENDINGS_MAX * 2 * 12,
    COUNTED_BYTES = 1024 + EVENTS_MAX * (EVENT_ID_MAX + 4 + 6 * 12),
    /* Numbers are given before the commit and seen after it: so many rows back are read again. */
    ENDED_AGAIN = 64,
};

/* Each write sweeps out, of the thousand oldest, those whose time is over. */
static const char SQL_ENDED_WRITE[] =
    "WITH over AS (DELETE FROM ended_session WHERE no IN"
    "  (SELECT no FROM (SELECT no, until FROM ended_session ORDER BY no LIMIT 1000) oldest"
    "   WHERE until < now()) AND session <> ALL ($1::bigint[]))"
    " INSERT INTO ended_session (session, until)"
    " SELECT DISTINCT ON (session) session, until"
    " FROM UNNEST($1::bigint[], $2::timestamptz[]) AS e (session, until)"
    " ORDER BY session, until DESC"
    " ON CONFLICT (session) DO UPDATE SET until = excluded.until";

int ended_write(struct pg *pg, const struct ended_row *rows, uint32_t len, struct err_slot *err)
{
    assert(len > 0);
    assert(len <= ENDINGS_MAX);
    uint8_t memory[ENDED_BYTES];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_array_open(&args, PG_ARRAY_I64, len);
    for (uint32_t i = 0; i < len; i++)
        pg_array_i64(&args, (int64_t)rows[i].session);
    pg_array_close(&args);
    pg_array_open(&args, PG_ARRAY_TIME, len);
    for (uint32_t i = 0; i < len; i++)
        pg_array_time(&args, rows[i].until_s * 1000);
    pg_array_close(&args);
    int rc = pg_change(pg, SQL_ENDED_WRITE, &args, err, NULL);
    return rc < 0 ? err_wrap(err, "writing ended sessions") : 0;
}

int ended_read(struct pg *pg, uint64_t *seen,
               void (*on_row)(void *ctx, const struct ended_row *row), void *ctx,
               struct err_slot *err)
{
    uint8_t memory[128];
    struct pg_args args;
    PGresult *res;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i64(&args, *seen > ENDED_AGAIN ? (int64_t)(*seen - ENDED_AGAIN) : 0);
    pg_arg_i32(&args, PASS_REVOKED_MAX);
    int rc = pg_query(pg,
                      "SELECT no, session, extract(epoch FROM until)::bigint FROM ended_session"
                      " WHERE no > $1 AND until > now() ORDER BY no DESC LIMIT $2",
                      &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "reading ended sessions");
    for (int i = PQntuples(res); i-- > 0;) {
        struct ended_row row = {(uint64_t)pg_i64(res, i, 1), (uint64_t)pg_i64(res, i, 2)};
        uint64_t no = (uint64_t)pg_i64(res, i, 0);
        *seen = no > *seen ? no : *seen;
        on_row(ctx, &row);
    }
    PQclear(res);
    return 0;
}

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

int counted_write(struct pg *pg, const struct counted_row *rows, uint32_t len, uint32_t keep,
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

int counted_read(struct pg *pg, struct span event, struct counted_row *out, uint32_t room,
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
