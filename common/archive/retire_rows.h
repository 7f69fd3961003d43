/* retire_rows.h: rows of an event between their tables and files of lines: written as JSON,
 * compared with what a file says, deleted where they are exactly that, put back.
 *
 * A line is what row_to_json() tells of the row in a session that is set up by
 * retire_rows_session(), so equal lines are equal rows, to the last digit. The database itself
 * compares them, a batch of lines at a time; each batch is a transaction of its own unless the
 * caller has begun one. All of it blocks. */
#ifndef FG_ARCHIVE_RETIRE_ROWS_H
#define FG_ARCHIVE_RETIRE_ROWS_H

#include "archive/lines.h"
#include "pg/pg.h"

enum { RETIRE_KEYS_MAX = 4 };

struct retire_table {
    const char *name;
    const char *keys[RETIRE_KEYS_MAX + 1]; /* its primary key, ended by NULL */
    /* Which rows `t` are of the event, whose id is current_setting('fairgate.retiring'). */
    const char *of;
};

/* What the session has to be for lines to be comparable, and of which event it is. */
int retire_rows_session(struct pg *pg, const char *event, struct err_slot *err);

int retire_rows_count(struct pg *pg, const struct retire_table *table, struct err_slot *err,
                      uint64_t *out);
int retire_rows_write(struct pg *pg, const struct retire_table *table, const char *path,
                      struct err_slot *err);

enum retire_act {
    RETIRE_COMPARE, /* counts rows that are in the table as the file says */
    RETIRE_DELETE,  /* deletes these, and counts them */
    RETIRE_RESTORE, /* writes rows whose keys the table does not have, and counts them */
};

/* For each line of the file. after_batch, called after each batch, may be NULL. */
int retire_rows_act(struct pg *pg, enum retire_act act, const struct retire_table *table,
                    const char *path, void (*after_batch)(void *ctx), void *ctx,
                    struct err_slot *err, struct lines_sum *sum, uint64_t *rows);

#endif
