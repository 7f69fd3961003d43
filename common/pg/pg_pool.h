/* pg_pool.h: a few connections to one PostgreSQL, on a loop, never blocking it.
 *
 * A job is one or more prepared statements in one transaction, answered exactly once, never from
 * within pg_job_send(). Jobs share a connection's round trips (libpq's pipeline). The answer is 0
 * (it happened), ERR_PEER (the database said no: nothing happened), ERR_TIMEOUT, ERR_FULL or
 * ERR_CLOSED (never sent), or ERR_UNKNOWN (the connection broke, or time ran out: nobody knows). */
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
    PG_CONNECTIONS_MAX = 32, /* of one pool: a small company's PostgreSQL has a hundred for all */
    PG_DEPTH_MAX = 32,       /* jobs under way on one connection; more only wait elsewhere */
    PG_STEPS_MAX = 16,       /* statements of one job */
    PG_PARAMS_MAX = 24,      /* of one statement */
    PG_TICK_MS = 50,         /* how exactly deadlines are kept */
    /* For a host's first answer once it is reached (PG_LINK_REACH_MS), and for each one after it: a
     * busy server takes longer over all statements, and left in the middle it begins again. */
    PG_CONNECT_MS = 2000,
    PG_RECONNECT_FIRST_MS = 100,
    PG_RECONNECT_CAP_MS = 2000, /* of one while others stand */
    /* While none stands, so many try, each at least so often, and the rest follow the first that is
       let in. */
    PG_KNOCKING = 2,
    PG_KNOCK_CAP_MS = 400,
    PG_GUEST_CAP_MS = 3000, /* at somebody else's server, where one tries alone */
    PG_SAY_MS = 10000,      /* tries that fail are logged so often */
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
    const char *conninfo; /* copied. Hosts by address or socket folder: libpq looks up names */
    const char *app;      /* application_name; NULL: none. Borrowed */
    const char *setup;    /* SQL run on each new connection; NULL: none. Borrowed */
    uint32_t connections; /* 1..PG_CONNECTIONS_MAX */
    uint32_t depth;       /* jobs under way on each, 1..PG_DEPTH_MAX */
    uint32_t queue_max;   /* jobs that wait for a connection; ERR_FULL beyond */
    uint32_t deadline_ms; /* of a job, from its send to its answer */
    uint32_t wait_ms;     /* of these, at most this long in the queue; 0: no less */
    bool fail_fast;       /* without a connection a job is refused (ERR_CLOSED) at once */
    bool guest;           /* the server is somebody else's, and is spared while it lets nobody in */
    const struct pg_statement *statements; /* borrowed; jobs name them by index */
    uint32_t statements_len;
    /* The first ones only read, wait for nobody's lock, and take no longer than finding some rows
     * by key. Jobs of these alone share transactions: while one is under way, others gather for the
     * next. */
    uint32_t readers_len;
    /* The next ones write, and wait for no row that others keep locked. They gather as readers do,
     * and are answered when their transaction has ended. If it fails, nothing has happened, and
     * each goes again in one of its own. */
    uint32_t sharers_len;
    const struct clock *clock;
    const struct rng *rng;
    struct logger *log;                      /* NULL: nothing is logged */
    void (*on_ready)(void *ctx, bool ready); /* first up, last down; may be NULL */
    void *ctx;
};

int pg_pool_create(const struct pg_pool_conf *conf, struct err_slot *err, struct pg_pool **out);
/* Answers what is open (ERR_UNKNOWN or ERR_CLOSED), then closes; the loop frees the memory. */
void pg_pool_close(struct pg_pool *pg);
bool pg_pool_ready(const struct pg_pool *pg); /* at least one connection is up */
const struct pg_pool_stats *pg_pool_stats(const struct pg_pool *pg);

struct pg_answer {
    int rc;
    char sqlstate[PG_SQLSTATE_BYTES]; /* "" without one */
    const char *text;                 /* the database's words, for the log; "" */
    /* rc 0: one for each statement; borrowed during the call. To take one, leave NULL there. */
    PGresult **results;
    uint32_t len;
};

void pg_say_failure(const struct pg_answer *answer, struct err_slot *err); /* for the log */

typedef void pg_on_done(void *ctx, const struct pg_answer *answer);
pg_on_done pg_ignore; /* for statements of which nobody reads the answer */

/* Never NULL: without memory for it, its answer is ERR_FULL. */
struct pg_job *pg_job_create(struct pg_pool *pg, pg_on_done *on_done, void *ctx);
/* Parameters are text, NULL for SQL's NULL; copied. */
void pg_job_add(struct pg_job *job, uint32_t statement, uint32_t len, const char *const *params);
/* A number as such a parameter, in memory of the caller's. */
struct pg_number {
    char text[24];
};
const char *pg_u64_text(struct pg_number *memory, uint64_t value);
/* Takes the job. */
void pg_job_send(struct pg_job *job);

/* One statement, in one call; without memory the answer is ERR_FULL like any other refusal. */
void pg_pool_query(struct pg_pool *pg, uint32_t statement, uint32_t len, const char *const *params,
                   pg_on_done *on_done, void *ctx);

#endif
