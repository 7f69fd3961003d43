/* pg.h: one connection to PostgreSQL with a deadline on every wait.
 *
 * Belongs to one thread, which it blocks: for dedicated threads, never for a loop (use pg_pool.h).
 * Underneath libpq runs non-blocking, so that a server that stops answering costs a deadline and
 * not the thread. Parameters and results are binary.
 *
 * ERR_CLOSED and ERR_TIMEOUT mean that the connection is unusable: whether the current statement
 * took effect is unknown, and only pg_close() is allowed. ERR_PEER is an error from the server:
 * pg_sqlstate() has its code, and the connection can be used further. */
#ifndef FG_PG_PG_H
#define FG_PG_PG_H

#include "base/err.h"
#include "base/span.h"
#include "pg/pg_args.h"
#include "pg/pg_value.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct pg;

struct pg_conf {
    const char *dsn;     /* libpq's; passwords by passfile=, several hosts for fail-over */
    const char *app;     /* application_name, shown in pg_stat_activity */
    const char *schema;  /* search_path; NULL: the server's default */
    uint32_t connect_ms; /* for the whole connection attempt */
    uint32_t query_ms;   /* for each answer */
};

int pg_open(const struct pg_conf *conf, struct err_slot *err, struct pg **out);
void pg_close(struct pg *pg); /* NULL is fine */
int pg_backend_pid(const struct pg *pg);
uint32_t pg_answer_ms(const struct pg *pg); /* the timeout of each answer */
/* The SQLSTATE of the last ERR_PEER: "53100" is a full disk, "23505" a unique key. */
const char *pg_sqlstate(const struct pg *pg);

/* Prepares the parameters of one statement, in the connection's memory, valid until the next. */
int pg_bind(struct pg *pg, size_t bytes, struct pg_args *args, struct err_slot *err);
/* Text without parameters, possibly several statements; results are dropped. */
int pg_run(struct pg *pg, const char *sql, struct err_slot *err);
int pg_prepare(struct pg *pg, const char *name, const char *sql, struct err_slot *err);
/* One statement. `args` may be NULL. *out is the caller's, to end with PQclear(); `out` may be NULL
 * if the rows are not needed. */
int pg_query(struct pg *pg, const char *sql, const struct pg_args *args, struct err_slot *err,
             PGresult **out);
/* Like pg_query(), without rows. *rows (may be NULL) is the number of affected rows. */
int pg_change(struct pg *pg, const char *sql, const struct pg_args *args, struct err_slot *err,
              uint64_t *rows);

/* The pipeline: begin, any number of prepared statements, end. They are sent together as one
 * transaction. on_result is called for each, in order; if one fails, the call returns ERR_PEER and
 * the whole transaction is rolled back. */
int pg_pipeline_begin(struct pg *pg, struct err_slot *err);
int pg_pipeline_add(struct pg *pg, const char *name, const struct pg_args *args,
                    struct err_slot *err);
int pg_pipeline_end(struct pg *pg, void (*on_result)(void *ctx, unsigned nth, const PGresult *res),
                    void *ctx, struct err_slot *err);

/* COPY (query) TO STDOUT (FORMAT binary): on_row gets each row as it arrives; a negative result
 * stops the copy and is returned. pg_field() reads the row. */
int pg_copy(struct pg *pg, const char *query, int (*on_row)(void *ctx, struct span row), void *ctx,
            struct err_slot *err);

#endif
