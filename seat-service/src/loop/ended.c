/* ended.c: requests gather in a list while the pool writes the previous ones.
 *
 * An event's new incarnation is not reported: each tick compares those seen in passes
 * (events_admit()) with those written last. A session is invalidated in memory before anything is
 * written, so a success response is never too early. If the write fails, the caller gets an error,
 * and the session stays invalid. The connection is opened for the first session and reused. */
#include "loop/ended.h"

#include "base/magic.h"
#include "tables/migrate.h"
#include "tables/statements.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SESSION_S = 24 * 3600 }; /* no pass lasts longer: the waiting room's session_max_s */

struct ending {
    struct sql_ended_write_rows row;
    struct call call;
};

struct ended {
    uint32_t magic;
    struct ended_conf conf;
    struct ending waiting[ENDINGS_MAX];
    uint32_t waiting_len;
    /* Owned by the pool while `writing`: */
    uv_work_t req;
    struct pg *pg;
    struct ending taken[ENDINGS_MAX];
    uint32_t taken_len;
    struct sql_events_renew_rows renewed[EVENTS_MAX];
    struct event *renewing[EVENTS_MAX]; /* kept during the write */
    uint32_t renewed_len;
    bool all_renewed;
    int rc;
    bool failing; /* logged once, not per attempt */
    bool writing;
    uint64_t written[EVENTS_MAX]; /* incarnations */
    struct loop *loop;            /* loop 0 */
};

MAGIC(ended, 0x5ea70002);

static void on_pool(uv_work_t *req)
{
    struct ended *ended = MAGIC_OF(ended, req->data);
    struct sql_ended_write_rows rows[ENDINGS_MAX];
    struct err_slot err;
    PGresult *res = NULL;
    struct pg_conf conf = {ended->conf.dsn, "fairgate seat-service sessions", MIGRATE_SCHEMA,
                           JOURNAL_CONNECT_MS, JOURNAL_ANSWER_MS};
    for (uint32_t i = 0; i < ended->taken_len; i++)
        rows[i] = ended->taken[i].row;
    ended->rc = ended->pg == NULL ? pg_open(&conf, &err, &ended->pg) : 0;
    if (ended->rc == 0 && ended->taken_len > 0)
        ended->rc = sql_ended_write(
            ended->pg, &(struct sql_ended_write_args){rows, ended->taken_len}, &err, NULL);
    if (ended->rc == 0 && ended->renewed_len > 0)
        ended->rc = sql_events_renew(
            ended->pg, &(struct sql_events_renew_args){ended->renewed, ended->renewed_len}, &err,
            &res);
    ended->all_renewed = false;
    if (ended->rc == 0 && ended->renewed_len > 0) {
        ended->all_renewed = sql_events_renew_row(res, 0).found == ended->renewed_len;
        PQclear(res);
    }
    if (ended->rc < 0) {
        if (!ended->failing)
            log_failure(ended->conf.log, "ended sessions cannot be kept", &err);
        pg_close(ended->pg);
        ended->pg = NULL;
    }
    ended->failing = ended->rc < 0;
}

static void begin(struct ended *ended);

static void on_written(uv_work_t *req, int status)
{
    struct ended *ended = MAGIC_OF(ended, req->data);
    (void)status;
    for (uint32_t i = 0; i < ended->renewed_len; i++) {
        struct event *event = ended->renewing[i];
        if (ended->all_renewed) /* otherwise a row was locked: they are written again */
            ended->written[event->nth] = ended->renewed[i].incarnation;
        events_let_go(event);
    }
    if (ended->loop->closed) {
        ended->writing = false;
        return; /* ended_answer_all() was called */
    }
    /* Requests pipelined behind these are handled meanwhile, and have to wait. */
    for (uint32_t i = 0; i < ended->taken_len; i++) {
        struct call *call = &ended->taken[i].call;
        if (ended->rc == 0)
            http_reply(call->req, &(struct http_reply){.status = 204});
        else
            call_refuse(call, REFUSAL_ENDING_UNWRITTEN);
    }
    ended->writing = false;
    if (ended->waiting_len > 0)
        begin(ended);
}

/* Only owners write; others read the table. */
static void take_renewed(struct ended *ended)
{
    struct events *events = ended->loop->conf.events;
    ended->renewed_len = 0;
    if (journal_role(ended->loop->conf.journal) != JOURNAL_OWNER)
        return; /* no connection for writing, or we own nothing */
    for (uint32_t nth = 0; nth < EVENTS_MAX; nth++) {
        struct event *event = events_nth(events, nth);
        if (event == NULL || !events_is_open(event)) {
            ended->written[nth] = 0; /* the number's next event is a different one */
            continue;
        }
        uint64_t known = atomic_load_explicit(&event->incarnation, memory_order_relaxed);
        if (known == ended->written[nth])
            continue;
        events_keep(event);
        ended->renewing[ended->renewed_len] = event;
        ended->renewed[ended->renewed_len++] =
            (struct sql_events_renew_rows){span_of(event->id), known};
    }
}

static void begin(struct ended *ended)
{
    if (ended->writing)
        return;
    take_renewed(ended);
    if (ended->waiting_len + ended->renewed_len == 0)
        return;
    memcpy(ended->taken, ended->waiting, ended->waiting_len * sizeof(ended->waiting[0]));
    ended->taken_len = ended->waiting_len;
    ended->waiting_len = 0;
    ended->writing = true;
    uv_queue_work(ended->loop->conf.uv, &ended->req, on_pool, on_written);
}

void ended_tick(struct ended *ended, struct loop *loop)
{
    ended->loop = loop;
    begin(ended);
}

void ended_session(struct ended *ended, struct http_req *req, struct span session)
{
    struct call call = {.req = req, .loop = loop_of(req)};
    (void)MAGIC_OF(ended, ended); /* passed as a route's ctx */
    uint64_t until_s = clock_wall_us(call.loop->conf.clock) / 1000000 + SESSION_S;
    struct sql_ended_write_rows row = {pass_hash(session), until_s * 1000};
    assert(call.loop->conf.nth == 0);
    if (ended->waiting_len == ENDINGS_MAX) {
        call_refuse(&call, REFUSAL_ENDINGS);
        return;
    }
    ended->loop = call.loop;
    pass_revoke(ended->conf.revoked, row.session, until_s);
    ended->waiting[ended->waiting_len++] = (struct ending){row, call};
    begin(ended);
}

static void refuse_all(struct ending *endings, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        call_refuse(&endings[i].call, REFUSAL_ENDING_UNWRITTEN);
}

void ended_answer_all(struct ended *ended)
{
    (void)MAGIC_OF(ended, ended);
    if (ended->writing) /* the pool only reads the rows */
        refuse_all(ended->taken, ended->taken_len);
    refuse_all(ended->waiting, ended->waiting_len);
    ended->waiting_len = 0;
}

int ended_create(const struct ended_conf *conf, struct err_slot *err, struct ended **out)
{
    struct ended *ended = calloc(1, sizeof(*ended));
    if (ended == NULL)
        return err_set(err, ERR_NOMEM, "ended sessions");
    MAGIC_BEGIN(ended, ended);
    ended->conf = *conf;
    ended->req.data = ended;
    *out = ended;
    return 0;
}

void ended_destroy(struct ended *ended)
{
    if (ended == NULL)
        return;
    assert(!ended->writing);
    pg_close(ended->pg);
    MAGIC_END(ended, ended);
    free(ended);
}
