/* pg.c: libpq, non-blocking, behind calls that wait with a deadline.
 *
 * Every exchange is "send, flush, wait for each result until there are none". wait_for() is the
 * only place that blocks; it polls the socket until the deadline of this answer. libpq itself may
 * block only while it resolves a host name. That is why this runs on threads of its own, and why
 * production names hosts by address. */
#include "pg/pg.h"

#include "base/clock.h"
#include "pg/pg_link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS_BYTES = 65536 }; /* rarely needs more */
enum { COPY_HEAD_BYTES = 19 };     /* signature, flags, length of an unused extension */

struct pg {
    PGconn *conn;
    uint32_t query_ms;
    uint8_t *memory; /* for parameters */
    size_t memory_len;
    char sqlstate[PG_SQLSTATE_BYTES];
};

/* ---- waiting ---- */

static uint64_t deadline_after(uint32_t ms)
{
    return clock_mono_us(clock_system()) + (uint64_t)ms * 1000;
}

/* Waits until the socket is ready for `events`. */
static int wait_for(struct pg *pg, short events, uint64_t deadline_us, struct err_slot *err)
{
    assert(events != 0);
    for (;;) {
        uint64_t now_us = clock_mono_us(clock_system());
        if (now_us >= deadline_us)
            return err_set(err, ERR_TIMEOUT, "no answer from PostgreSQL in time");
        struct pollfd fd = {.fd = PQsocket(pg->conn), .events = events};
        if (fd.fd < 0)
            return err_set(err, ERR_CLOSED, "PostgreSQL: %s", PQerrorMessage(pg->conn));
        int rc = poll(&fd, 1, (int)((deadline_us - now_us + 999) / 1000));
        if (rc > 0)
            return 0;
        if (rc < 0 && errno != EINTR)
            return err_set(err, ERR_IO, "poll: %s", strerror(errno));
    }
}

static int lost(struct pg *pg, struct err_slot *err)
{
    return err_set(err, ERR_CLOSED, "PostgreSQL: %s", PQerrorMessage(pg->conn));
}

/* Waits for one of `events`, and takes the input that has come. */
static int take_input(struct pg *pg, short events, uint64_t deadline_us, struct err_slot *err)
{
    int rc = wait_for(pg, events, deadline_us, err);
    return rc == 0 && PQconsumeInput(pg->conn) == 0 ? lost(pg, err) : rc;
}

/* Flushes all output to the kernel. A server whose own answers fill its buffers stops reading, so
 * input is consumed meanwhile. */
static int flush(struct pg *pg, uint64_t deadline_us, struct err_slot *err)
{
    for (;;) {
        int rc = PQflush(pg->conn);
        if (rc == 0)
            return 0;
        if (rc < 0)
            return lost(pg, err);
        rc = take_input(pg, POLLIN | POLLOUT, deadline_us, err);
        if (rc < 0)
            return rc;
    }
}

/* The next result; NULL if the statement has no more. */
static int next_result(struct pg *pg, uint64_t deadline_us, struct err_slot *err, PGresult **out)
{
    while (PQisBusy(pg->conn)) {
        int rc = take_input(pg, POLLIN, deadline_us, err);
        if (rc < 0)
            return rc;
    }
    *out = PQgetResult(pg->conn);
    return 0;
}

/* Checks one result and stores its sqlstate. */
static int judge(struct pg *pg, const PGresult *res, struct err_slot *err)
{
    int rc = pg_link_judge(pg->conn, res, pg->sqlstate);
    if (rc == ERR_CLOSED)
        return PQstatus(pg->conn) == CONNECTION_BAD
                   ? lost(pg, err)
                   : err_set(err, ERR_CLOSED, "PostgreSQL: %s", PQresultErrorMessage(res));
    return rc < 0 ? err_set(err, ERR_PEER, "%s", PQresultErrorMessage(res)) : 0;
}

/* Reads the rest of an exchange; keeps the first error and the last result with rows. */
static int finish(struct pg *pg, struct err_slot *err, PGresult **out)
{
    uint64_t deadline_us = deadline_after(pg->query_ms);
    int verdict = flush(pg, deadline_us, err);
    if (verdict < 0)
        return verdict;
    PGresult *kept = NULL;
    for (;;) {
        PGresult *res;
        int rc = next_result(pg, deadline_us, err, &res);
        if (rc < 0) {
            PQclear(kept);
            return rc;
        }
        if (res == NULL)
            break;
        if (verdict == 0)
            verdict = judge(pg, res, err);
        /* A COPY still sends rows because reading one failed. libpq would report this forever. */
        if (PQresultStatus(res) == PGRES_COPY_OUT)
            verdict = lost(pg, err);
        PQclear(kept);
        kept = res;
        if (verdict == ERR_CLOSED)
            break;
    }
    if (verdict == 0 && kept == NULL)
        verdict = lost(pg, err);
    if (verdict < 0 || out == NULL)
        PQclear(kept);
    else
        *out = kept;
    return verdict;
}

/* ---- connecting ---- */

static int connect_within(struct pg *pg, uint32_t connect_ms, struct err_slot *err)
{
    uint64_t deadline_us = deadline_after(connect_ms);
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        return lost(pg, err);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED)
            return lost(pg, err);
        short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        bool reaches = PQstatus(pg->conn) == CONNECTION_STARTED;
        uint64_t reached_us = reaches ? deadline_after(PG_LINK_REACH_MS) : deadline_us;
        int rc = wait_for(pg, events, reached_us < deadline_us ? reached_us : deadline_us, err);
        if (rc < 0)
            return rc;
        next = PQconnectPoll(pg->conn);
    }
    return 0;
}

/* libpq moves on from a host that refuses. A host that does not answer gets its share of the time,
 * and the next attempt begins at the next host. */
static int connect_to_some(struct pg *pg, const struct pg_conf *conf, const char *options,
                           struct err_slot *err)
{
    unsigned hosts = pg_link_hosts(conf->dsn);
    for (unsigned first = 0;; first++) {
        pg->conn = pg_link_start(conf->dsn, conf->app, options, first);
        if (pg->conn == NULL)
            return err_set(err, ERR_NOMEM, "a PostgreSQL connection");
        int rc = connect_within(pg, conf->connect_ms / hosts, err);
        if (rc != ERR_TIMEOUT || first + 1 == hosts)
            return rc;
        PQfinish(pg->conn);
        pg->conn = NULL;
    }
}

int pg_open(const struct pg_conf *conf, struct err_slot *err, struct pg **out)
{
    assert(conf->connect_ms > 0 && conf->query_ms > 0); /* every wait is bounded */
    struct pg *pg = calloc(1, sizeof(*pg));
    if (pg == NULL)
        return err_set(err, ERR_NOMEM, "a PostgreSQL connection");
    pg->query_ms = conf->query_ms;
    struct pg_args none;
    int rc = pg_bind(pg, PARAMETERS_BYTES, &none, err);
    if (rc < 0) {
        free(pg);
        return rc;
    }
    char options[192];
    snprintf(options, sizeof(options),
             "-c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=2"
             " -c synchronous_commit=on -c client_min_messages=warning%s%s",
             conf->schema != NULL ? " -c search_path=" : "",
             conf->schema != NULL ? conf->schema : "");
    rc = connect_to_some(pg, conf, options, err);
    if (rc < 0)
        goto finish_conn;
    if (PQsetnonblocking(pg->conn, 1) != 0) {
        rc = lost(pg, err);
        goto finish_conn;
    }
    *out = pg;
    return 0;

finish_conn:
    pg_close(pg);
    return err_wrap(err, "connecting");
}

void pg_close(struct pg *pg)
{
    if (pg == NULL)
        return;
    PQfinish(pg->conn);
    free(pg->memory);
    free(pg);
}

int pg_backend_pid(const struct pg *pg)
{
    return PQbackendPID(pg->conn);
}

uint32_t pg_answer_ms(const struct pg *pg)
{
    return pg->query_ms;
}

const char *pg_sqlstate(const struct pg *pg)
{
    return pg->sqlstate;
}

int pg_bind(struct pg *pg, size_t bytes, struct pg_args *args, struct err_slot *err)
{
    if (bytes > pg->memory_len) {
        uint8_t *memory = realloc(pg->memory, bytes);
        if (memory == NULL)
            return err_set(err, ERR_NOMEM, "%zu bytes of parameters", bytes);
        pg->memory = memory;
        pg->memory_len = bytes;
    }
    pg_args_init(args, pg->memory, pg->memory_len);
    return 0;
}

static int check_args(const struct pg_args *args, struct err_slot *err)
{
    if (args == NULL)
        return 0;
    assert(args->array_at == SIZE_MAX);
    if (args->overflown)
        return err_set(err, ERR_FULL, "parameters of a statement need more than %zu bytes",
                       args->cap);
    return 0;
}

/* ---- statements ---- */

int pg_run(struct pg *pg, const char *sql, struct err_slot *err)
{
    if (PQsendQuery(pg->conn, sql) == 0)
        return lost(pg, err);
    return finish(pg, err, NULL);
}

int pg_prepare(struct pg *pg, const char *name, const char *sql, struct err_slot *err)
{
    if (PQsendPrepare(pg->conn, name, sql, 0, NULL) == 0)
        return lost(pg, err);
    int rc = finish(pg, err, NULL);
    return rc < 0 ? err_wrap(err, "preparing %s", name) : 0;
}

int pg_query(struct pg *pg, const char *sql, const struct pg_args *args, struct err_slot *err,
             PGresult **out)
{
    int rc = check_args(args, err);
    if (rc < 0)
        return rc;
    int sent = args == NULL ? PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 1)
                            : PQsendQueryParams(pg->conn, sql, args->count, args->types,
                                                args->values, args->lengths, args->formats, 1);
    if (sent == 0)
        return lost(pg, err);
    return finish(pg, err, out);
}

int pg_change(struct pg *pg, const char *sql, const struct pg_args *args, struct err_slot *err,
              uint64_t *rows)
{
    PGresult *res;
    int rc = pg_query(pg, sql, args, err, &res);
    if (rc < 0)
        return rc;
    if (rows != NULL)
        *rows = strtoull(PQcmdTuples(res), NULL, 10);
    PQclear(res);
    return 0;
}

/* ---- the pipeline ---- */

int pg_pipeline_begin(struct pg *pg, struct err_slot *err)
{
    return PQenterPipelineMode(pg->conn) == 1 ? 0 : lost(pg, err);
}

int pg_pipeline_add(struct pg *pg, const char *name, const struct pg_args *args,
                    struct err_slot *err)
{
    int rc = check_args(args, err);
    if (rc < 0)
        return rc;
    if (PQsendQueryPrepared(pg->conn, name, args->count, args->values, args->lengths, args->formats,
                            1) == 0)
        return lost(pg, err);
    return 0;
}

/* Between two statements libpq returns one NULL; the sync is a result of its own, without one. */
int pg_pipeline_end(struct pg *pg, void (*on_result)(void *ctx, unsigned nth, const PGresult *res),
                    void *ctx, struct err_slot *err)
{
    if (PQpipelineSync(pg->conn) == 0)
        return lost(pg, err);
    uint64_t deadline_us = deadline_after(pg->query_ms);
    int rc = flush(pg, deadline_us, err);
    if (rc < 0)
        return rc;
    int verdict = 0;
    unsigned nth = 0;
    for (;;) {
        PGresult *res;
        rc = next_result(pg, deadline_us, err, &res);
        if (rc < 0)
            return rc;
        if (res == NULL) {
            if (PQstatus(pg->conn) == CONNECTION_BAD)
                return lost(pg, err);
            continue;
        }
        ExecStatusType status = PQresultStatus(res);
        if (verdict == 0)
            verdict = judge(pg, res, err);
        if (verdict == 0 && status != PGRES_PIPELINE_SYNC)
            on_result(ctx, nth++, res);
        PQclear(res);
        if (verdict == ERR_CLOSED)
            return verdict;
        if (status == PGRES_PIPELINE_SYNC)
            break;
    }
    if (PQexitPipelineMode(pg->conn) == 0)
        return lost(pg, err);
    return verdict;
}

/* ---- COPY ---- */

/* The next row of a COPY, in *len bytes that end with PQfreemem(); -1: no more. */
static int next_row(struct pg *pg, uint64_t deadline_us, struct err_slot *err, char **row, int *len)
{
    int rc = 0;
    while (rc == 0 && (*len = PQgetCopyData(pg->conn, row, 1)) == 0)
        rc = take_input(pg, POLLIN, deadline_us, err);
    return rc;
}

/* The first row starts with the header of the format, the last one is the number -1. */
static int take_row(char *bytes, int len, bool *first, int (*on_row)(void *ctx, struct span row),
                    void *ctx, struct err_slot *err)
{
    struct span row = {bytes, (size_t)len};
    if (*first) {
        if (row.len < COPY_HEAD_BYTES || memcmp(row.ptr, "PGCOPY\n\377\r\n", 11) != 0)
            return err_set(err, ERR_SYNTAX, "COPY does not begin with its signature");
        row = span_skip(row, COPY_HEAD_BYTES);
        *first = false;
    }
    if (row.len == 2 && memcmp(row.ptr, "\377\377", 2) == 0)
        return 0; /* the end is a row of -1 fields */
    if (row.len < 2)
        return err_set(err, ERR_SYNTAX, "a COPY row of %zu bytes", row.len);
    return on_row(ctx, span_skip(row, 2)); /* the caller knows the number of fields */
}

int pg_copy(struct pg *pg, const char *query, int (*on_row)(void *ctx, struct span row), void *ctx,
            struct err_slot *err)
{
    if (PQsendQuery(pg->conn, query) == 0)
        return lost(pg, err);
    uint64_t deadline_us = deadline_after(pg->query_ms);
    PGresult *res = NULL;
    int rc = flush(pg, deadline_us, err);
    if (rc == 0)
        rc = next_result(pg, deadline_us, err, &res);
    if (rc < 0)
        return rc;
    rc = res != NULL ? judge(pg, res, err) : lost(pg, err);
    bool copying = res != NULL && PQresultStatus(res) == PGRES_COPY_OUT;
    PQclear(res);
    if (!copying) {
        (void)finish(pg, NULL, NULL);
        return rc < 0 ? rc : err_set(err, ERR_STATE, "not a COPY: %s", query);
    }

    bool first = true;
    int stopped = 0, len; /* once stopped, the rest is dropped, within one answer's time */
    char *row;
    deadline_us = deadline_after(pg->query_ms);
    while ((rc = next_row(pg, deadline_us, stopped < 0 ? NULL : err, &row, &len)) == 0 && len > 0) {
        if (stopped == 0) {
            stopped = take_row(row, len, &first, on_row, ctx, err);
            deadline_us = deadline_after(pg->query_ms);
        }
        PQfreemem(row);
    }
    if (rc == 0)
        rc = finish(pg, stopped < 0 ? NULL : err, NULL);
    return stopped < 0 && rc != ERR_CLOSED && rc != ERR_TIMEOUT ? stopped : rc;
}
