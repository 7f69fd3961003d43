/* series_table.c: the table `counted`: how many seats of an event were free, held, sold and
 * blocked, a point every SERIES_MS.
 *
 * Points of all events are written by one statement, which also deletes those that are too old: the
 * table never outgrows its series. */
#include "tables/series_table.h"

#include "tables/statements.h"

#include <assert.h>

enum { COUNTED_BYTES = 1024 + EVENTS_MAX * (EVENT_ID_MAX + 4 + 6 * 12) };

int series_table_write(struct pg *pg, const struct counted_row *rows, uint32_t len, uint32_t keep,
                       struct err_slot *err)
{
    uint8_t memory[COUNTED_BYTES];
    struct sql_counted_write_rows counted[EVENTS_MAX];
    struct pg_args bound;
    assert(len <= EVENTS_MAX);
    for (uint32_t i = 0; i < len; i++)
        counted[i] = (struct sql_counted_write_rows){
            .event = span_of(rows[i].event),
            .at_ms = rows[i].at_ms,
            .free = rows[i].free,
            .held = rows[i].held,
            .sold = rows[i].sold,
            .blocked = rows[i].blocked,
            .errors = rows[i].errors,
        };
    pg_args_init(&bound, memory, sizeof(memory));
    struct sql_counted_write_args args = {counted, len, (uint64_t)keep * SERIES_MS};
    int rc = sql_counted_write(pg, &bound, &args, err, NULL);
    return rc < 0 ? err_wrap(err, "writing counts") : 0;
}

int series_table_read(struct pg *pg, struct span event, struct counted_row *out, uint32_t room,
                      struct err_slot *err, uint32_t *len)
{
    PGresult *res;
    int rc = sql_counted_read(pg, &(struct sql_counted_read_args){event, room}, err, &res);
    if (rc < 0)
        return err_wrap(err, "reading counts");
    uint32_t rows = (uint32_t)PQntuples(res);
    assert(rows <= room);
    for (uint32_t i = 0; i < rows; i++) { /* the newest came first */
        struct sql_counted_read_row row = sql_counted_read_row(res, (int)(rows - 1 - i));
        out[i] = (struct counted_row){.at_ms = row.at_ms,
                                      .free = row.free,
                                      .held = row.held,
                                      .sold = row.sold,
                                      .blocked = row.blocked,
                                      .errors = row.errors};
    }
    PQclear(res);
    *len = rows;
    return 0;
}
