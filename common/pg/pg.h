/* pg.h: one connection to PostgreSQL with a deadline on every wait.
 *
 * Belongs to one thread, which it blocks: it is for threads of their own, never for a loop (that
 * is pg_pool.h). Underneath libpq runs non-blocking, so that a server which stops answering
 * costs a deadline and not the thread. Parameters and results travel in binary.
 *
 * ERR_CLOSED and ERR_TIMEOUT mean that the connection is no longer good: whether a statement under
 * way took effect is not known, and all that is left to do is pg_close(). ERR_PEER is an answer of
 * the server: pg_sqlstate() names it and the connection goes on. */
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
    const char *app;     /* application_name, how pg_stat_activity shows us */
    const char *schema;  /* search_path; NULL: as the server has it */
    uint32_t connect_ms; /* for the whole of connecting */
    uint32_t query_ms;   /* for each answer */
};

int pg_open(const struct pg_conf *conf, struct err_slot *err, struct pg **out);
void pg_close(struct pg *pg); /* NULL is fine */
int pg_backend_pid(const struct pg *pg);
uint32_t pg_answer_ms(const struct pg *pg); /* how long each answer is waited for */
/* Five letters of the last ERR_PEER. "53100" is a full disk, "23505" a unique key. */
const char *pg_sqlstate(const struct pg *pg);

/* For the parameters of one statement: memory of the connection's, until the next. */
int pg_bind(struct pg *pg, size_t bytes, struct pg_args *args, struct err_slot *err);
/* Text without parameters, may hold several statements; what they return is dropped. */
int pg_run(struct pg *pg, const char *sql, struct err_slot *err);
int pg_prepare(struct pg *pg, const char *name, const char *sql, struct err_slot *err);
/* One statement. `args` may be NULL. *out is taken, to end with PQclear(), or NULL if
 * nobody wants the rows. */
int pg_query(struct pg *pg, const char *sql, const struct pg_args *args, struct err_slot *err,
             PGresult **out);
/* As pg_query(), but the outcome alone. *rows, if asked for, counts those touched. */
int pg_change(struct pg *pg, const char *sql, const struct pg_args *args, struct err_slot *err,
              uint64_t *rows);

/* The pipeline: begin, any number of prepared statements, end. They travel together and are one
 * transaction. on_result is called for each, in order; a failed one makes the call answer ERR_PEER
 * with the whole transaction undone. */
int pg_pipeline_begin(struct pg *pg, struct err_slot *err);
int pg_pipeline_add(struct pg *pg, const char *name, const struct pg_args *args,
                    struct err_slot *err);
int pg_pipeline_end(struct pg *pg, void (*on_result)(void *ctx, unsigned nth, const PGresult *res),
                    void *ctx, struct err_slot *err);

/* COPY (query) TO STDOUT (FORMAT binary): on_row sees each row as it comes; a negative answer of it
 * stops the copy and is the call's answer. pg_field() reads the row. */
int pg_copy(struct pg *pg, const char *query, int (*on_row)(void *ctx, struct span row), void *ctx,
            struct err_slot *err);

#endif
