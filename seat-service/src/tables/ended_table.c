/* ended_table.c: the table `ended_session`: sessions whose passes no longer count, each kept until
 * its passes would have expired anyway.
 *
 * Every process of a sale reads the table to its end again and again, by the number that the
 * database gave each row. Numbers are assigned before a commit and become visible after it, so two
 * writers' rows may appear out of order: each read goes back over the last few. Reading a row twice
 * does no harm. */
#include "tables/ended_table.h"

#include "tables/statements.h"

#include <assert.h>

enum {
    ENDED_BYTES = 1024 + ENDINGS_MAX * 2 * 12,
    RENEWED_BYTES = 1024 + EVENTS_MAX * (EVENT_ID_MAX + 4 + 12),
    ENDED_AGAIN = 64, /* rows that are read again */
};

int ended_table_write(struct pg *pg, const struct ended_row *rows, uint32_t len,
                      struct err_slot *err)
{
    uint8_t memory[ENDED_BYTES];
    struct sql_ended_write_rows ended[ENDINGS_MAX];
    struct pg_args bound;
    assert(len > 0);
    assert(len <= ENDINGS_MAX);
    for (uint32_t i = 0; i < len; i++)
        ended[i] = (struct sql_ended_write_rows){rows[i].session, rows[i].until_s * 1000};
    pg_args_init(&bound, memory, sizeof(memory));
    int rc = sql_ended_write(pg, &bound, &(struct sql_ended_write_args){ended, len}, err, NULL);
    return rc < 0 ? err_wrap(err, "writing ended sessions") : 0;
}

int ended_table_read(struct pg *pg, uint64_t *seen,
                     void (*on_row)(void *ctx, const struct ended_row *row), void *ctx,
                     struct err_slot *err)
{
    struct sql_ended_read_args args = {*seen > ENDED_AGAIN ? *seen - ENDED_AGAIN : 0,
                                       PASS_REVOKED_MAX};
    PGresult *res;
    int rc = sql_ended_read(pg, &args, err, &res);
    if (rc < 0)
        return err_wrap(err, "reading ended sessions");
    for (int i = PQntuples(res); i-- > 0;) {
        struct sql_ended_read_row row = sql_ended_read_row(res, i);
        *seen = row.no > *seen ? row.no : *seen;
        on_row(ctx, &(struct ended_row){row.session, row.until_ms / 1000});
    }
    PQclear(res);
    return 0;
}

int ended_table_renew(struct pg *pg, const struct renewed_row *rows, uint32_t len,
                      struct err_slot *err)
{
    uint8_t memory[RENEWED_BYTES];
    struct sql_events_renew_rows renewed[EVENTS_MAX];
    struct pg_args bound;
    assert(len > 0);
    assert(len <= EVENTS_MAX);
    for (uint32_t i = 0; i < len; i++)
        renewed[i] = (struct sql_events_renew_rows){span_of(rows[i].event), rows[i].incarnation};
    pg_args_init(&bound, memory, sizeof(memory));
    int rc = sql_events_renew(pg, &bound, &(struct sql_events_renew_args){renewed, len}, err, NULL);
    return rc < 0 ? err_wrap(err, "writing incarnations") : 0;
}
