/* ended_table.c: the table `ended_session`: sessions whose passes count no more, each until its
 * passes would have run out anyway.
 *
 * Every process of a sale reads the table to its end again and again, by the number that the
 * database gave each row. Numbers are given before a commit and seen after it, so two writers may
 * show theirs in the other order: each read goes back over the last few. A row that is read twice
 * does no harm. */
#include "tables/ended_table.h"

#include <assert.h>

enum {
    ENDED_BYTES = 1024 + ENDINGS_MAX * 2 * 12,
    ENDED_AGAIN = 64, /* rows that are read again */
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

int ended_table_write(struct pg *pg, const struct ended_row *rows, uint32_t len,
                      struct err_slot *err)
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

int ended_table_read(struct pg *pg, uint64_t *seen,
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
