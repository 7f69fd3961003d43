/* pg_pool.h: a few connections to one PostgreSQL, on a loop, never blocking it.
 *
 * A job is one or more prepared statements in one transaction, answered exactly once, never from
 * within pg_job_send(). Jobs share a connection's round trips (libpq's pipeline). The result is 0
 * (committed), ERR_PEER (refused by the database, nothing changed), ERR_TIMEOUT, ERR_FULL or
 * ERR_CLOSED (never sent), or ERR_UNKNOWN (connection lost or too late: the outcome is unknown). */
#ifndef FG_PG_PG_POOL_H
#define FG_PG_PG_POOL_H

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"
#include "pg/pg_link.h"
#include "pg/pg_value.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct pg_pool;
struct pg_job;
struct logger;

enum {
    PG_CONNECTIONS_MAX = 32, /* per pool: a small company's PostgreSQL has a hundred in all */
    PG_DEPTH_MAX = 32,       /* jobs under way on one connection; more would only wait there */
    PG_STEPS_MAX = 16,       /* statements per job */
    PG_PARAMS_MAX = 24,      /* per statement */
    PG_TICK_MS = 50,         /* the precision of deadlines */
    /* For a host's first answer after it is reached (PG_LINK_REACH_MS), and for each later one: a
     * busy server takes longer to prepare all statements, and giving up midway starts over. */
    PG_CONNECT_MS = 2000,
    PG_RECONNECT_FIRST_MS = 100,
    PG_RECONNECT_CAP_MS = 2000, /* for a connection while others are up */
    /* While none is up, this many try, at least this often, and the rest follow once one
     * succeeds. */
    PG_TRYING = 2,
    PG_TRY_CAP_MS = 400,
    PG_GUEST_CAP_MS = 1000, /* at a server of another owner, where only one tries */
    PG_SAY_MS = 10000,      /* failed attempts are logged at most this often */
};

struct pg_statement {
    const char *name;
    const char *sql;
};

struct pg_pool_stats {
    _Atomic uint64_t jobs, answered, refused, timeouts, unknown, errors, reconnects;
    _Atomic uint64_t connected; /* now */
    _Atomic uint64_t queued;    /* now */
};

struct pg_pool_conf {
    uv_loop_t *loop;
    const char *what;     /* "own", "users": for logs; a literal */
    const char *conninfo; /* copied. Hosts by address or socket folder: libpq resolves names */
    const char *app;      /* application_name; NULL: none. Borrowed */
    const char *setup;    /* SQL run on each new connection; NULL: none. Borrowed */
    uint32_t connections; /* 1..PG_CONNECTIONS_MAX */
    uint32_t depth;       /* jobs under way on each, 1..PG_DEPTH_MAX */
    uint32_t queue_max;   /* jobs waiting for a connection; ERR_FULL beyond */
    uint32_t deadline_ms; /* from a job's send to its answer */
    uint32_t wait_ms;     /* the part of it allowed in the queue; 0: all */
    bool fail_fast;       /* without a connection jobs are refused (ERR_CLOSED) at once */
    bool guest;           /* a server of another owner; retried gently while it is down */
    const struct pg_statement *statements; /* borrowed; jobs name them by index */
    uint32_t statements_len;
    /* The first statements only read, wait for no lock, and only look up some rows by key. Jobs of
     * these alone share transactions: while one is under way, others gather for the next. */
    uint32_t readers_len;
    /* The next ones write, and do not wait for rows locked by others. They are grouped as readers
     * are, and answered when their transaction has ended. If it fails, it is rolled back, and each
     * job is sent again in a transaction of its own. */
    uint32_t sharers_len;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;                      /* NULL: nothing is logged */
    void (*on_ready)(void *ctx, bool ready); /* the first is up, the last is down; may be NULL */
    void *ctx;
};

int pg_pool_create(const struct pg_pool_conf *conf, struct err_slot *err, struct pg_pool **out);
/* Answers open jobs (ERR_UNKNOWN or ERR_CLOSED), then closes; the loop frees the memory. */
void pg_pool_close(struct pg_pool *pg);
bool pg_pool_ready(const struct pg_pool *pg); /* at least one connection is up */
const struct pg_pool_stats *pg_pool_stats(const struct pg_pool *pg);

struct pg_answer {
    int rc;
    char sqlstate[PG_SQLSTATE_BYTES]; /* "" without one */
    const char *text;                 /* the database's message, for the log; or "" */
    /* With rc 0, one per statement; borrowed during the call. To take one, set it to NULL. */
    PGresult **results;
    uint32_t len;
};

void pg_say_failure(const struct pg_answer *answer, struct err_slot *err); /* for the log */

typedef void pg_on_done(void *ctx, const struct pg_answer *answer);
pg_on_done pg_ignore; /* for statements whose answer is not needed */

/* Never NULL: without memory the job is answered ERR_FULL. */
struct pg_job *pg_job_create(struct pg_pool *pg, pg_on_done *on_done, void *ctx);
/* Parameters are text, NULL for SQL's NULL; copied. */
void pg_job_add(struct pg_job *job, uint32_t statement, uint32_t len, const char *const *params);
/* Formats a number as such a parameter, in the caller's memory. */
struct pg_number {
    char text[24];
};
const char *pg_u64_text(struct pg_number *memory, uint64_t value);
/* Takes ownership of the job. */
void pg_job_send(struct pg_job *job);

/* One statement in one call; without memory the answer is ERR_FULL, as for any refusal. */
void pg_pool_query(struct pg_pool *pg, uint32_t statement, uint32_t len, const char *const *params,
                   pg_on_done *on_done, void *ctx);

#endif
