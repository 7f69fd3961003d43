/* pg_pool.c: a few connections with a queue in front of them, all on one loop.
 *
 * A connection is CONNECTING (libpq's own handshake), PREPARING (setup and statements are sent as
 * one pipeline), READY, or WAITING for its next attempt; conn_next[] has its transitions. While
 * READY it has a queue of jobs under way, in the order in which PostgreSQL answers: oldest first.
 *
 * A job goes to the connection with the fewest jobs under way, so that a commit of a thousand moves
 * does not delay a buyer's page. If all connections are full, jobs wait in one queue, in order.
 *
 * Jobs that only read have a queue of their own and are sent in groups, as one transaction: at once
 * if no group is under way, or when it returns, or after PG_TICK_MS. As they change nothing, each
 * is answered by its own results. If one fails, the jobs after it were not run and are queued
 * again.
 *
 * Jobs that share are grouped in the same way. Their results are kept until the transaction has
 * ended; if it failed, each is sent again on its own, so that only the failing one is refused.
 *
 * While no connection is up, PG_TRYING of them try, often, and at different hosts; the others
 * follow as soon as one succeeds. So a new primary is used soon after its promotion, and a starting
 * server is not hit repeatedly by all connections of all pools at once.
 *
 * Time: a timer runs every PG_TICK_MS. A job that waits too long in the queue is answered
 * ERR_TIMEOUT. One that is under way for too long costs its connection: its late answer would be
 * taken for the next job's, so the connection is closed and each job on it ends with ERR_UNKNOWN.
 * The database has a statement_timeout of its own, below ours, so this means that the database is
 * gone, not slow.
 *
 * A job whose connection broke may still commit in the server while it is retried on another
 * connection. Callers must use statements that are safe to repeat. */
#include "pg/pg_pool.h"

#include "base/bug.h"
#include "base/magic.h"
#include "observe/log.h"
#include "pace/backoff.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct step {
    uint32_t statement;
    uint32_t params_len;
    const char *params[PG_PARAMS_MAX];
};

enum job_kind { JOB_READS, JOB_SHARES, JOB_WRITES, JOB_KINDS }; /* the first two go in groups */

struct pg_job {
    uint32_t magic;
    struct pg_job *next;
    struct pg_pool *pool;
    pg_on_done *on_done;
    void *ctx;
    uint64_t deadline_us;
    uint64_t wait_us; /* its deadline in the queue */
    uint32_t len;
    struct step steps[PG_STEPS_MAX];
    char *memory[PG_STEPS_MAX]; /* the parameters; owned */
    PGresult *results[PG_STEPS_MAX];
    uint32_t results_len;
    uint32_t seen;      /* statements answered by the server, with a result or without */
    enum job_kind kind; /* the highest kind among its statements */
    bool ends;          /* last job of its transaction, which may hold others of its group */
    bool skipped;       /* not run: an earlier job of the transaction failed */
    bool failed;        /* no memory for a parameter */
    char sqlstate[PG_SQLSTATE_BYTES];
    int refusal; /* the error of a job that was never queued */
    char text[160];
};

MAGIC(pg_job, 0x1c7c0001);

struct jobs {
    struct pg_job *head, *tail;
    uint32_t len;
};

enum conn_state { CONN_WAITING, CONN_CONNECTING, CONN_PREPARING, CONN_READY, CONN_STATE_COUNT };

#define BIT(n) (uint8_t)(1u << (n))

/* A failure leads from every other state to WAITING. */
static const uint8_t conn_next[CONN_STATE_COUNT] = {
    [CONN_WAITING] = BIT(CONN_CONNECTING),
    [CONN_CONNECTING] = BIT(CONN_PREPARING) | BIT(CONN_WAITING),
    [CONN_PREPARING] = BIT(CONN_READY) | BIT(CONN_WAITING),
    [CONN_READY] = BIT(CONN_WAITING),
};

struct conn {
    uint32_t magic;
    struct pg_pool *pool;
    enum conn_state state;
    PGconn *pq;
    uv_poll_t *poll; /* allocated separately: its close ends a turn after the connection's */
    int events;
    struct jobs under_way;
    struct jobs shared; /* answered by the server, but their transaction has not ended */
    uint32_t tries;
    uint64_t at_us; /* WAITING: when to try again; CONNECTING, PREPARING: when to give up */
};

MAGIC(conn, 0x1c7c0002);

struct pg_pool {
    uint32_t magic;
    struct pg_pool_conf conf;
    char *conninfo;
    struct conn conns[PG_CONNECTIONS_MAX];
    struct jobs queues[JOB_KINDS];
    struct jobs refused;  /* answered in the next turn, never from within a send */
    struct pg_job *spare; /* to refuse a job when there is no memory; NULL: in use */
    struct {
        uint32_t under_way;
        uint64_t gather_us; /* until when the next group waits for the current one */
    } groups[JOB_WRITES];
    uv_timer_t timer;
    uint64_t expire_us; /* when to look next for jobs that have waited too long */
    bool closing;
    bool answering;
    uint64_t said_us; /* when a failed attempt was last logged; 0: never */
    struct pg_pool_stats stats;
};

MAGIC(pg_pool, 0x1c7c0003);

static uint64_t now_us(const struct pg_pool *pool)
{
    return clock_mono_us(pool->conf.clock);
}

/* The only place that writes a connection's state. */
static void conn_move(struct conn *conn, enum conn_state to)
{
    assert((conn_next[conn->state] & BIT(to)) != 0);
    conn->state = to;
    assert(to != CONN_WAITING || (conn->pq == NULL && conn->poll == NULL));
    assert(to == CONN_READY || conn->under_way.len + conn->shared.len == 0);
}

/* ---- jobs ---- */

static void jobs_push(struct jobs *jobs, struct pg_job *job)
{
    assert((jobs->head == NULL) == (jobs->tail == NULL));
    job->next = NULL;
    if (jobs->tail != NULL)
        jobs->tail->next = job;
    else
        jobs->head = job;
    jobs->tail = job;
    jobs->len++;
}

static struct pg_job *jobs_pop(struct jobs *jobs)
{
    struct pg_job *job = jobs->head;
    assert((job == NULL) == (jobs->len == 0));
    if (job == NULL)
        return NULL;
    jobs->head = job->next;
    if (jobs->head == NULL)
        jobs->tail = NULL;
    jobs->len--;
    return job;
}

static void job_answer(struct pg_job *job, int rc)
{
    assert(rc <= 0 && job->results_len <= job->len);
    struct pg_answer answer = {
        .rc = rc,
        .text = job->text,
        .results = job->results,
        .len = job->results_len,
    };
    memcpy(answer.sqlstate, job->sqlstate, sizeof(answer.sqlstate));
    struct pg_pool *pool = job->pool;
    _Atomic uint64_t *counter = &pool->stats.answered;
    if (rc == ERR_PEER)
        counter = &pool->stats.errors;
    else if (rc == ERR_UNKNOWN)
        counter = &pool->stats.unknown;
    else if (rc == ERR_TIMEOUT)
        counter = &pool->stats.timeouts;
    else if (rc < 0)
        counter = &pool->stats.refused;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed); /* relaxed: a metric */
    job->on_done(job->ctx, &answer);
    MAGIC_END(pg_job, job); /* a double answer would be caught */
    for (uint32_t i = 0; i < job->results_len; i++)
        PQclear(job->results[i]);
    for (uint32_t i = 0; i < job->len; i++)
        free(job->memory[i]);
    if (pool->spare != NULL)
        free(job);
    else
        pool->spare = memset(job, 0, sizeof(*job));
}

struct pg_job *pg_job_create(struct pg_pool *pool, pg_on_done *on_done, void *ctx)
{
    struct pg_job *job = calloc(1, sizeof(*job));
    bool failed = job == NULL;
    if (failed) {
        job = pool->spare;
        pool->spare = NULL;
    }
    if (job == NULL)
        BUG_STOP("no memory for a job"); /* a few hundred bytes: anything else would fail, too */
    assert(on_done != NULL);
    MAGIC_BEGIN(pg_job, job);
    job->failed = failed;
    job->pool = pool;
    job->on_done = on_done;
    job->ctx = ctx;
    return job;
}

void pg_job_add(struct pg_job *job, uint32_t statement, uint32_t len, const char *const *params)
{
    assert(job->len < PG_STEPS_MAX);
    assert(len <= PG_PARAMS_MAX);
    assert(statement < job->pool->conf.statements_len);
    struct step *step = &job->steps[job->len];
    step->statement = statement;
    step->params_len = len;
    const struct pg_pool_conf *conf = &job->pool->conf;
    enum job_kind kind = statement < conf->readers_len                       ? JOB_READS
                         : statement < conf->readers_len + conf->sharers_len ? JOB_SHARES
                                                                             : JOB_WRITES;
    job->kind = kind > job->kind ? kind : job->kind;
    size_t need = 1;
    for (uint32_t i = 0; i < len; i++)
        need += params[i] != NULL ? strlen(params[i]) + 1 : 0;
    char *at = malloc(need);
    job->memory[job->len++] = at;
    if (at == NULL) {
        job->failed = true;
        return;
    }
    for (uint32_t i = 0; i < len; i++) {
        step->params[i] = params[i] != NULL ? at : NULL;
        if (params[i] != NULL)
            at = stpcpy(at, params[i]) + 1;
    }
}

const char *pg_u64_text(struct pg_number *memory, uint64_t value)
{
    snprintf(memory->text, sizeof(memory->text), "%" PRIu64, value);
    return memory->text;
}

/* The last job of a group has returned or is lost. */
static void group_left(const struct pg_job *job)
{
    if (job->kind == JOB_WRITES || !job->ends)
        return;
    assert(job->pool->groups[job->kind].under_way > 0);
    job->pool->groups[job->kind].under_way--;
}

/* ---- a connection's end ---- */

static void free_poll(uv_handle_t *handle)
{
    free(handle);
}

static void conn_drop_poll(struct conn *conn)
{
    if (conn->poll == NULL)
        return;
    uv_poll_stop(conn->poll);
    uv_close((uv_handle_t *)conn->poll, free_poll);
    conn->poll = NULL;
    conn->events = 0;
}

static void count_connected(struct pg_pool *pool, int change)
{
    /* Relaxed: a metric, written by this loop alone. */
    uint64_t before = atomic_load_explicit(&pool->stats.connected, memory_order_relaxed);
    assert(change == 1 ? before < pool->conf.connections : change == -1 && before > 0);
    uint64_t after = before + (uint64_t)(int64_t)change;
    atomic_store_explicit(&pool->stats.connected, after, memory_order_relaxed);
    if (before == 0 && pool->conf.log != NULL)
        log_text(pool->conf.log, LOG_LEVEL_INFO, "database connected", "database", pool->conf.what);
    if ((before == 0 || after == 0) && !pool->closing && pool->conf.on_ready != NULL)
        pool->conf.on_ready(pool->conf.ctx, after > 0);
}

/* How many connections try while none is up. */
static uint32_t trying(const struct pg_pool *pool)
{
    return pool->conf.guest ? 1 : PG_TRYING;
}

static uint32_t pause_ms(const struct conn *conn)
{
    uint32_t cap_ms = conn->pool->conf.guest      ? PG_GUEST_CAP_MS
                      : pg_pool_ready(conn->pool) ? PG_RECONNECT_CAP_MS
                                                  : PG_TRY_CAP_MS;
    return backoff_ms(PG_RECONNECT_FIRST_MS, cap_ms, conn->tries, conn->pool->conf.rng);
}

static void conn_fail(struct conn *conn, const char *what)
{
    struct pg_pool *pool = conn->pool;
    bool stood = conn->state == CONN_READY;
    bool silent =
        !stood && pool->said_us != 0 && now_us(pool) - pool->said_us < PG_SAY_MS * UINT64_C(1000);
    if (!pool->closing && pool->conf.log != NULL && !silent) {
        pool->said_us = stood ? pool->said_us : now_us(pool);
        struct log_line line;
        log_begin(&line, pool->conf.log, LOG_LEVEL_WARN, "database connection lost");
        log_cstr(&line, "database", pool->conf.what);
        log_cstr(&line, "reason", what);
        log_u64(&line, "under_way", conn->under_way.len + conn->shared.len);
        log_end(&line);
    }
    struct jobs lost[2] = {conn->shared, conn->under_way};
    conn->shared = conn->under_way = (struct jobs){0};
    conn_drop_poll(conn);
    PQfinish(conn->pq);
    conn->pq = NULL;
    conn_move(conn, CONN_WAITING);
    conn->tries++;
    if (stood)
        count_connected(pool, -1);
    if (stood && !pg_pool_ready(pool)) {
        /* The last connection is down. The others drew longer pauses while it was up. */
        for (uint32_t i = 0; i < pool->conf.connections && i < trying(pool); i++) {
            struct conn *other = &pool->conns[i];
            if (other->state != CONN_WAITING || other->at_us <= now_us(pool))
                continue;
            assert(other->tries > 0);
            uint64_t at_us = now_us(pool) + 1000 * (uint64_t)pause_ms(other);
            other->at_us = at_us < other->at_us ? at_us : other->at_us;
        }
    }
    conn->at_us = now_us(pool) + 1000 * (uint64_t)pause_ms(conn);
    struct pg_job *job;
    for (int i = 0; i < 2; i++) {
        while ((job = jobs_pop(&lost[i])) != NULL) {
            group_left(job);
            job_answer(job, ERR_UNKNOWN);
        }
    }
}

/* Fails with the error of this result, which it frees. */
static void conn_fail_as(struct conn *conn, PGresult *res)
{
    char why[160] = "";
    strncpy(why, PQresultErrorMessage(res), sizeof(why) - 1);
    PQclear(res);
    conn_fail(conn, why);
}

/* ---- sending ---- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void conn_watch(struct conn *conn, int events)
{
    assert(conn->poll != NULL && events != 0);
    if (events == conn->events)
        return;
    conn->events = events;
    uv_poll_start(conn->poll, events, on_poll);
}

static bool conn_flush(struct conn *conn)
{
    int left = PQflush(conn->pq);
    if (left < 0)
        return false;
    conn_watch(conn, UV_READABLE | (left > 0 ? UV_WRITABLE : 0));
    return true;
}

static bool conn_send(struct conn *conn, struct pg_job *job)
{
    assert(conn->state == CONN_READY && conn->under_way.len < conn->pool->conf.depth);
    for (uint32_t i = 0; i < job->len; i++) {
        const struct step *step = &job->steps[i];
        const char *name = conn->pool->conf.statements[step->statement].name;
        if (PQsendQueryPrepared(conn->pq, name, (int)step->params_len, step->params, NULL, NULL,
                                0) != 1)
            return false;
    }
    return !job->ends || PQpipelineSync(conn->pq) == 1;
}

static struct conn *least_busy(struct pg_pool *pool)
{
    struct conn *best = NULL;
    for (uint32_t i = 0; i < pool->conf.connections; i++) {
        struct conn *conn = &pool->conns[i];
        if (conn->state == CONN_READY && conn->under_way.len < pool->conf.depth &&
            (best == NULL || conn->under_way.len < best->under_way.len))
            best = conn;
    }
    return best;
}

/* The queue whose head has the earliest deadline, except groups still gathering. NULL: none. */
static struct jobs *next_queue(struct pg_pool *pool)
{
    struct jobs *next = NULL;
    for (int kind = 0; kind < JOB_KINDS; kind++) {
        struct jobs *queue = &pool->queues[kind];
        bool gathers = kind < JOB_WRITES && pool->groups[kind].under_way > 0 &&
                       now_us(pool) < pool->groups[kind].gather_us;
        if (queue->head != NULL && !gathers &&
            (next == NULL || queue->head->deadline_us < next->head->deadline_us))
            next = queue;
    }
    return next;
}

/* Sends one writer, or as many of a group as the connection takes. */
static void send_some(struct conn *conn, struct jobs *from)
{
    struct pg_pool *pool = conn->pool;
    enum job_kind kind = from->head->kind;
    bool sent = true;
    for (bool ends = false; !ends && sent;) {
        struct pg_job *job = jobs_pop(from);
        assert(job->kind == kind);
        ends = kind == JOB_WRITES || from->len == 0 || conn->under_way.len + 1 == pool->conf.depth;
        job->ends = ends;
        sent = conn_send(conn, job);
        jobs_push(&conn->under_way, job);
    }
    if (kind < JOB_WRITES) {
        conn->under_way.tail->ends = true; /* also if sending failed midway */
        pool->groups[kind].under_way++;
        pool->groups[kind].gather_us = now_us(pool) + PG_TICK_MS * UINT64_C(1000);
    }
    if (!sent || !conn_flush(conn))
        conn_fail(conn, PQerrorMessage(conn->pq));
}

static uint32_t queued(const struct pg_pool *pool)
{
    return pool->queues[JOB_READS].len + pool->queues[JOB_SHARES].len +
           pool->queues[JOB_WRITES].len;
}

static void send_queued(struct pg_pool *pool)
{
    assert(!pool->answering && !pool->closing);
    struct jobs *from;
    struct conn *conn;
    while ((from = next_queue(pool)) != NULL && (conn = least_busy(pool)) != NULL)
        send_some(conn, from);
    atomic_store_explicit(&pool->stats.queued, queued(pool), memory_order_relaxed);
}

static int refusal_of(const struct pg_pool *pool, const struct pg_job *job)
{
    if (pool->closing || (pool->conf.fail_fast && !pg_pool_ready(pool)))
        return ERR_CLOSED;
    return job->failed || queued(pool) >= pool->conf.queue_max ? ERR_FULL : 0;
}

void pg_job_send(struct pg_job *job)
{
    struct pg_pool *pool = job->pool;
    assert(job->len > 0);
    atomic_fetch_add_explicit(&pool->stats.jobs, 1, memory_order_relaxed);
    uint64_t now = now_us(pool);
    uint32_t deadline_ms = pool->conf.deadline_ms, wait_ms = pool->conf.wait_ms;
    if (wait_ms == 0 || wait_ms > deadline_ms)
        wait_ms = deadline_ms;
    job->deadline_us = now + (uint64_t)deadline_ms * 1000;
    job->wait_us = now + (uint64_t)wait_ms * 1000;
    job->refusal = refusal_of(pool, job);
    if (job->refusal < 0) {
        jobs_push(&pool->refused, job);
        if (!pool->closing)
            uv_timer_start(&pool->timer, pool->timer.timer_cb, 0, PG_TICK_MS);
        return;
    }
    jobs_push(&pool->queues[job->kind], job);
    /* While answers are processed, sending waits until they are done: a connection that fails
     * meanwhile would answer its jobs in the middle of another callback. */
    if (!pool->answering)
        uv_timer_start(&pool->timer, pool->timer.timer_cb, 0, PG_TICK_MS);
}

void pg_pool_query(struct pg_pool *pool, uint32_t statement, uint32_t len,
                   const char *const *params, pg_on_done *on_done, void *ctx)
{
    struct pg_job *job = pg_job_create(pool, on_done, ctx);
    pg_job_add(job, statement, len, params);
    pg_job_send(job);
}

/* ---- answers ---- */

void pg_say_failure(const struct pg_answer *answer, struct err_slot *err)
{
    assert(answer->rc < 0);
    if (answer->sqlstate[0] != '\0')
        err_set(err, answer->rc, "%s %s", answer->sqlstate, answer->text);
    else
        err_set(err, answer->rc, "PostgreSQL has not answered");
}

void pg_ignore(void *ctx, const struct pg_answer *answer)
{
    (void)ctx;
    (void)answer;
}

/* The first error is the reason; later ones are consequences. Frees the result. */
static void job_fail(struct pg_job *job, PGresult *res, const char *sqlstate)
{
    assert(sqlstate[0] != '\0');
    if (job->sqlstate[0] == '\0') {
        const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
        memcpy(job->sqlstate, sqlstate, sizeof(job->sqlstate));
        strncpy(job->text, text != NULL ? text : PQresultErrorMessage(res), sizeof(job->text) - 1);
    }
    PQclear(res);
}

/* Queues a job again; none of it has taken effect. */
static void job_again(struct pg_job *job)
{
    while (job->results_len > 0)
        PQclear(job->results[--job->results_len]);
    job->skipped = false;
    job->seen = 0;
    job->sqlstate[0] = job->text[0] = '\0';
    jobs_push(&job->pool->queues[job->kind], job);
}

static void answer_shared(struct jobs group)
{
    bool failed = false, alone = group.len == 1;
    for (const struct pg_job *job = group.head; job != NULL; job = job->next)
        failed = failed || job->sqlstate[0] != '\0';
    for (struct pg_job *job; (job = jobs_pop(&group)) != NULL;) {
        job->kind = JOB_WRITES;
        if (failed && !alone)
            job_again(job);
        else
            job_answer(job, failed ? ERR_PEER : 0);
    }
}

/* Returns as conn_take() does. */
static bool conn_end_job(struct conn *conn)
{
    struct pg_job *job = jobs_pop(&conn->under_way);
    group_left(job);
    if (job->kind == JOB_SHARES) {
        jobs_push(&conn->shared, job);
        if (!job->ends)
            return true;
        struct jobs group = conn->shared;
        conn->shared = (struct jobs){0};
        answer_shared(group);
    } else if (job->skipped) {
        assert(job->kind == JOB_READS); /* a writer is the first job of its transaction */
        assert(job->results_len == 0);
        job_again(job);
    } else {
        job_answer(job, job->sqlstate[0] != '\0' ? ERR_PEER : 0);
    }
    return conn->state == CONN_READY;
}

/* Returns false if the connection is gone; the pool may be closed, too. */
static bool conn_take(struct conn *conn, PGresult *res)
{
    struct pg_job *job = conn->under_way.head;
    if (job == NULL) {
        PQclear(res);
        conn_fail(conn, "an answer that nobody asked for");
        return false;
    }
    if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
        PQclear(res);
        assert(job->ends);
        return conn_end_job(conn);
    }
    char sqlstate[PG_SQLSTATE_BYTES];
    int rc = pg_link_judge(conn->pq, res, sqlstate);
    if (rc == ERR_CLOSED) {
        conn_fail_as(conn, res);
        return false;
    }
    assert(rc < 0 || job->results_len < job->len);
    job->skipped =
        job->skipped || (job->seen == 0 && PQresultStatus(res) == PGRES_PIPELINE_ABORTED);
    job->seen++; /* exceeds `len` if the commit fails */
    if (rc == 0)
        job->results[job->results_len++] = res;
    else
        job_fail(job, res, sqlstate);
    return job->ends || job->seen < job->len || conn_end_job(conn);
}

/* Sets the deadline for the host's next answer. */
static void conn_expect(struct conn *conn)
{
    uint32_t ms = PQstatus(conn->pq) == CONNECTION_STARTED ? PG_LINK_REACH_MS : PG_CONNECT_MS;
    uint32_t deadline_ms = conn->pool->conf.deadline_ms;
    conn->at_us = now_us(conn->pool) + (uint64_t)(deadline_ms < ms ? deadline_ms : ms) * 1000;
}

static bool conn_take_prepared(struct conn *conn, PGresult *res)
{
    struct pg_pool *pool = conn->pool;
    char sqlstate[PG_SQLSTATE_BYTES];
    if (pg_link_judge(conn->pq, res, sqlstate) <
        0) { /* e.g. there is no schema yet: tried again until there is */
        conn_fail_as(conn, res);
        return false;
    }
    bool sync = PQresultStatus(res) == PGRES_PIPELINE_SYNC;
    PQclear(res);
    conn_expect(conn);
    if (!sync)
        return true;
    conn_move(conn, CONN_READY);
    conn->tries = 0;
    count_connected(pool, 1);
    return true;
}

static void conn_read(struct conn *conn)
{
    if (PQconsumeInput(conn->pq) != 1) {
        conn_fail(conn, PQerrorMessage(conn->pq));
        return;
    }
    unsigned nothing = 0;
    while (!PQisBusy(conn->pq)) {
        PGresult *res = PQgetResult(conn->pq);
        if (res == NULL) {
            /* One NULL ends a statement; a second one in a row ends the results. */
            if (++nothing > 1)
                break;
            continue;
        }
        nothing = 0;
        bool here =
            conn->state == CONN_READY ? conn_take(conn, res) : conn_take_prepared(conn, res);
        if (!here)
            return;
    }
    if (!conn_flush(conn))
        conn_fail(conn, PQerrorMessage(conn->pq));
}

/* ---- connecting ---- */

static bool conn_prepare(struct conn *conn)
{
    const struct pg_pool_conf *conf = &conn->pool->conf;
    conn_move(conn, CONN_PREPARING);
    bool good = PQsetnonblocking(conn->pq, 1) == 0 && PQenterPipelineMode(conn->pq) == 1;
    if (good && conf->setup != NULL)
        good = PQsendQueryParams(conn->pq, conf->setup, 0, NULL, NULL, NULL, NULL, 0) == 1;
    for (uint32_t i = 0; good && i < conf->statements_len; i++)
        good = PQsendFlushRequest(conn->pq) == 1 &&
               PQsendPrepare(conn->pq, conf->statements[i].name, conf->statements[i].sql, 0,
                             NULL) == 1;
    return good && PQpipelineSync(conn->pq) == 1 && conn_flush(conn);
}

/* libpq may change its socket while it connects, so each step creates a new poll. */
static bool conn_poll_socket(struct conn *conn, int events)
{
    conn_drop_poll(conn);
    uv_poll_t *poll = malloc(sizeof(*poll));
    if (poll == NULL)
        return false;
    if (uv_poll_init_socket(conn->pool->conf.loop, poll, PQsocket(conn->pq)) < 0) {
        free(poll);
        return false;
    }
    poll->data = conn;
    conn->poll = poll;
    conn_watch(conn, events);
    return true;
}

/* libpq may move on to the next host, which gets a new deadline. */
static PostgresPollingStatusType conn_step(struct conn *conn)
{
    bool reached = PQstatus(conn->pq) != CONNECTION_STARTED;
    PostgresPollingStatusType next = PQconnectPoll(conn->pq);
    if (reached != (PQstatus(conn->pq) != CONNECTION_STARTED))
        conn_expect(conn);
    return next;
}

static void conn_connect(struct conn *conn)
{
    struct pg_pool *pool = conn->pool;
    assert(conn->pq == NULL);
    conn_move(conn, CONN_CONNECTING);
    if (conn->tries > 0)
        atomic_fetch_add_explicit(&pool->stats.reconnects, 1, memory_order_relaxed);
    unsigned nth = (unsigned)(conn - pool->conns); /* retrying ones begin at different hosts */
    conn->pq = pg_link_start(pool->conninfo, pool->conf.app, NULL,
                             conn->tries + (nth < trying(pool) ? nth : 0));
    if (conn->pq == NULL || PQstatus(conn->pq) == CONNECTION_BAD ||
        !conn_poll_socket(conn, UV_WRITABLE))
        conn_fail(conn, conn->pq != NULL ? PQerrorMessage(conn->pq) : "no memory");
    else
        conn_expect(conn);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct conn *conn = MAGIC_OF(conn, poll->data);
    struct pg_pool *pool = conn->pool;
    (void)events;
    pool->answering = true;
    if (conn->state == CONN_CONNECTING) { /* also on an error: libpq moves on to the next host */
        bool good = true;
        switch (conn_step(conn)) {
        case PGRES_POLLING_READING:
            good = conn_poll_socket(conn, UV_READABLE);
            break;
        case PGRES_POLLING_WRITING:
            good = conn_poll_socket(conn, UV_WRITABLE);
            break;
        case PGRES_POLLING_OK:
            good = conn_poll_socket(conn, UV_READABLE) && conn_prepare(conn);
            break;
        default:
            good = false;
        }
        if (!good)
            conn_fail(conn, PQerrorMessage(conn->pq));
    } else {
        conn_read(conn); /* also on an error: libpq knows which one, libuv does not */
        if (status < 0 && conn->state != CONN_WAITING)
            conn_fail(conn, uv_strerror(status));
    }
    pool->answering = false;
    if (!pool->closing)
        send_queued(pool);
}

/* ---- time ---- */

static void expire_queued(struct pg_pool *pool, struct jobs *queue)
{
    uint64_t now = now_us(pool);
    struct jobs kept = {0};
    struct pg_job *job;
    struct jobs all = *queue;
    *queue = (struct jobs){0};
    while ((job = jobs_pop(&all)) != NULL) {
        assert(job->wait_us <= job->deadline_us);
        if (now >= job->wait_us)
            job_answer(job, ERR_TIMEOUT);
        else
            jobs_push(&kept, job);
    }
    /* Jobs sent by answers meanwhile go behind those that were here before. */
    while ((job = jobs_pop(queue)) != NULL)
        jobs_push(&kept, job);
    *queue = kept;
}

static void on_timer(uv_timer_t *timer)
{
    struct pg_pool *pool = MAGIC_OF(pg_pool, timer->data);
    pool->answering = true;
    struct jobs refused = pool->refused;
    pool->refused = (struct jobs){0};
    struct pg_job *job;
    while ((job = jobs_pop(&refused)) != NULL)
        job_answer(job, pool->closing ? ERR_CLOSED : job->refusal);
    uint64_t now = now_us(pool);
    for (uint32_t i = 0; i < pool->conf.connections && !pool->closing; i++) {
        struct conn *conn = &pool->conns[i];
        bool late = conn->state == CONN_READY
                        ? conn->under_way.head != NULL && now >= conn->under_way.head->deadline_us
                        : now >= conn->at_us;
        if (late && conn->state != CONN_WAITING)
            conn_fail(conn, "no answer in time");
        else if (late && (i < trying(pool) || pg_pool_ready(pool)))
            conn_connect(conn);
    }
    /* Twice a tick, not in each turn that sends: in a rush thousands of jobs wait. */
    bool expires = now >= pool->expire_us;
    pool->expire_us = expires ? now + PG_TICK_MS * UINT64_C(500) : pool->expire_us;
    for (int kind = 0; kind < JOB_KINDS && !pool->closing; kind++) {
        const struct pg_job *oldest = pool->queues[kind].head;
        if (expires || (oldest != NULL && now >= oldest->wait_us))
            expire_queued(pool, &pool->queues[kind]);
    }
    pool->answering = false;
    if (!pool->closing)
        send_queued(pool);
}

/* ---- create and close ---- */

int pg_pool_create(const struct pg_pool_conf *conf, struct err_slot *err, struct pg_pool **out)
{
    if (conf->connections < 1 || conf->connections > PG_CONNECTIONS_MAX)
        return err_set(err, ERR_RANGE, "connections to the database: %" PRIu32, conf->connections);
    assert(conf->depth >= 1 && conf->depth <= PG_DEPTH_MAX);
    struct pg_pool *pool = calloc(1, sizeof(*pool));
    char *conninfo = strdup(conf->conninfo);
    struct pg_job *spare = calloc(1, sizeof(*spare));
    if (pool == NULL || conninfo == NULL || spare == NULL) {
        free(pool);
        free(conninfo);
        free(spare);
        return err_set(err, ERR_NOMEM, "database connections");
    }
    MAGIC_BEGIN(pg_pool, pool);
    pool->conf = *conf;
    pool->conninfo = conninfo;
    pool->spare = spare;
    uv_timer_init(conf->loop, &pool->timer); /* cannot fail */
    pool->timer.data = pool;
    for (uint32_t i = 0; i < conf->connections; i++)
        pool->conns[i] = (struct conn){.magic = conn_magic, .pool = pool, .state = CONN_WAITING};
    uv_timer_start(&pool->timer, on_timer, 0, PG_TICK_MS);
    *out = pool;
    return 0;
}

static void free_pool(uv_handle_t *handle)
{
    struct pg_pool *pool = MAGIC_OF(pg_pool, handle->data);
    assert(pool->closing && queued(pool) == 0 && pool->refused.len == 0);
    assert(pool->groups[JOB_READS].under_way + pool->groups[JOB_SHARES].under_way == 0);
    MAGIC_END(pg_pool, pool);
    free(pool->conninfo);
    free(pool->spare);
    free(pool);
}

void pg_pool_close(struct pg_pool *pool)
{
    if (pool == NULL)
        return;
    assert(!pool->closing);
    pool->closing = true;
    for (uint32_t i = 0; i < pool->conf.connections; i++) {
        if (pool->conns[i].state != CONN_WAITING)
            conn_fail(&pool->conns[i], "closing");
    }
    struct pg_job *job;
    for (int kind = 0; kind < JOB_KINDS; kind++)
        while ((job = jobs_pop(&pool->queues[kind])) != NULL)
            job_answer(job, ERR_CLOSED);
    while ((job = jobs_pop(&pool->refused)) != NULL)
        job_answer(job, ERR_CLOSED);
    uv_close((uv_handle_t *)&pool->timer, free_pool);
}

bool pg_pool_ready(const struct pg_pool *pool)
{
    return atomic_load_explicit(&pool->stats.connected, memory_order_relaxed) > 0;
}

const struct pg_pool_stats *pg_pool_stats(const struct pg_pool *pool)
{
    return &pool->stats;
}
