/* worker.c: the engine turns once in each turn of the loop, after the sockets: everything received
 * (a reply, a commit's end, new orders) is processed together, so the moves of one loop turn are
 * one commit. A timer wakes the loop for what is due without any input.
 *
 * A commit is one statement for the moves, plus one for each kind of effect among them. All travel
 * as one job, which is one transaction and one flush of the log. Columns are sent as arrays. If the
 * database rejects a commit because of its contents (SQLSTATE 22 and 23: a malformed message, a
 * check), it is sent again in halves until the offending row is alone; the engine parks that saga,
 * and it delays no other. Effects are sent as JSON, one array for each kind. Each carries the lease
 * and the number of its move, so that the statement accepts only effects whose move was accepted.
 *
 * A lease that the engine requests in the same turn as a commit travels with it, last. */
#include "saga/worker.h"

#include "base/bug.h"
#include "base/grow.h"
#include "base/magic.h"
#include "core/checkout/effect.h"
#include "observe/log.h"
#include "observe/trace.h"
#include "store/look.h"
#include "store/statements.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum column {
    COL_ID,
    COL_TOKEN,
    COL_MOVES,
    COL_WAKE,
    COL_AT_STEP,
    COL_UNDO,
    COL_MARK,
    COL_TRIED,
    COL_TOOK_US,
    COL_RODE,
    COL_CODE,
    COL_DETAIL,
    COL_STATE,
    COL_STEP,
    COL_PARKED,
    COL_TRIES,
    COL_DELAY_MS,
    COL_CAUSE,
    COL_DATA,
    COLUMNS,
};

struct worker {
    uint32_t magic;
    struct worker_conf conf;
    struct saga_engine *engine;
    uv_check_t check;
    uv_timer_t timer;
    struct grow columns[COLUMNS];
    struct grow effects[EFFECT_COUNT];
    char *keys; /* the definitions' keys, as an array literal */
    struct saga_store_reply *replies;
    struct saga_row *rows;
    struct look look;
    char (*whys)[SAGA_DETAIL_MAX]; /* errors for replies that refuse */
    /* The batch, borrowed until it is answered; [at, at + part) is in flight. */
    const struct saga_move *const *batch;
    uint32_t batch_len, batch_at, batch_part;
    uint32_t lease_most;          /* requested in this turn and not sent yet; 0: none */
    const struct saga_held *held; /* sent with it; NULL: no answer was lost */
    bool lease_rides;             /* with the part in flight */
    uint64_t leased_us, moved_us; /* when the requests in flight were sent */
    unsigned handles;
    unsigned jobs;            /* jobs at the database; they keep the worker alive */
    _Atomic uint64_t unknown; /* sagas with definitions that we do not have, at the last look */
    bool closing;
};

MAGIC(worker, 0x3a700001);

static uint64_t now_us(const struct worker *worker)
{
    return clock_mono_us(worker->conf.clock);
}

static void worker_free_if_over(struct worker *worker)
{
    if (worker->handles > 0 || worker->jobs > 0)
        return;
    assert(worker->engine == NULL); /* the engine has ended, or never began */
    for (int i = 0; i < COLUMNS; i++)
        grow_free(&worker->columns[i]);
    for (int i = 0; i < EFFECT_COUNT; i++)
        grow_free(&worker->effects[i]);
    free(worker->keys);
    free(worker->replies);
    free(worker->whys);
    free(worker->rows);
    MAGIC_END(worker, worker);
    free(worker);
}

/* ---- crash points, for tests ---- */

static void edge(struct worker *worker)
{
    if (worker->conf.crash_point != NULL)
        crash_point_pass(worker->conf.crash_point);
}

/* ---- leases ---- */

static const char *whole(struct grow *text)
{
    const char *cstr = grow_cstr(text);
    if (cstr == NULL)
        BUG_STOP("no memory for a statement");
    return cstr;
}

static bool read_row(struct worker *worker, const PGresult *res, int i, struct saga_row *row,
                     uint64_t *late_us)
{
    struct sql_lease_row leased = sql_lease_row(res, i);
    *late_us = leased.late_us > *late_us ? leased.late_us : *late_us;
    *row = (struct saga_row){
        .id = leased.id,
        .token = leased.token,
        .moves = leased.moves,
        .wake = leased.wake,
        .def = saga_engine_def(worker->engine, leased.key),
        .state = leased.state,
        .step = (uint8_t)leased.step,
        .cancel = leased.cancel,
        .tries = leased.tries,
        .step_us = (int64_t)now_us(worker) - leased.age_us,
        .lease_us = worker->leased_us + (uint64_t)worker->conf.lease_ms * 1000,
        .data = leased.data,
    };
    span_to_cstr(leased.cause, row->cause, sizeof(row->cause));
    span_to_cstr(leased.trace, row->trace, sizeof(row->trace));
    bool is_there = row->def != NULL && leased.step < row->def->steps_len;
    if (is_there && (row->state != SAGA_UNDOING || row->def->steps[row->step]->undo != NULL))
        return true;
    struct err_slot err;
    err_set(&err, ERR_RANGE, "saga %" PRIu64 " of %s, step %d, state %d", row->id,
            row->def != NULL ? row->def->key : "?", (int)leased.step, (int)row->state);
    log_failure(worker->conf.log,
                "a saga stands at a step that its definition does not have, or cannot undo", &err);
    return false;
}

static void take_leased(struct worker *worker, const struct pg_answer *answer)
{
    if (answer->rc < 0) {
        saga_engine_on_leased(worker->engine, NULL, 0);
        return;
    }
    assert(answer->len > 0);
    const PGresult *res = answer->results[answer->len - 1]; /* the lease is last */
    uint32_t len = 0;
    uint64_t late_us = 0;
    assert((uint32_t)PQntuples(res) <= worker->conf.slots); /* the statement's limit */
    for (int i = 0; i < PQntuples(res); i++)
        len += read_row(worker, res, i, &worker->rows[len], &late_us);
    if (PQntuples(res) > 0)
        look_found(&worker->look, late_us, now_us(worker));
    saga_engine_on_leased(worker->engine, worker->rows, len);
}

static void on_leased(void *ctx, const struct pg_answer *answer)
{
    struct worker *worker = MAGIC_OF(worker, ctx);
    assert(worker->jobs > 0);
    worker->jobs--;
    if (worker->closing) {
        worker_free_if_over(worker);
        return;
    }
    if (answer->rc == ERR_PEER) {
        struct err_slot err;
        pg_say_failure(answer, &err);
        log_failure(worker->conf.log, "sagas could not be leased", &err);
    }
    take_leased(worker, answer);
}

static void lease(void *ctx, uint32_t max, const struct saga_held *held)
{
    struct worker *worker = MAGIC_OF(worker, ctx);
    assert(!worker->closing);
    assert(max > 0);
    assert(max <= worker->conf.slots); /* `rows` has room for these */
    assert(worker->lease_most == 0);
    worker->lease_most = max;
    worker->held = held;
}

static void add_lost(struct pg_job *job, const struct worker *worker)
{
    struct grow ids = {0}, tokens = {0};
    grow_array_open(&ids);
    grow_array_open(&tokens);
    for (uint32_t i = 0; i < worker->held->len; i++) {
        grow_array_i64(&ids, (int64_t)worker->held->ids[i]);
        grow_array_i64(&tokens, (int64_t)worker->held->tokens[i]);
    }
    grow_array_close(&ids);
    grow_array_close(&tokens);
    const struct sql_lost_args args = {
        .owner = worker->conf.owner, .held = whole(&ids), .tokens = whole(&tokens)};
    sql_lost_add(job, &args);
    grow_free(&ids);
    grow_free(&tokens);
}

static void add_lease(struct pg_job *job, struct worker *worker)
{
    assert(worker->lease_most > 0);
    if (worker->held != NULL)
        add_lost(job, worker);
    const struct sql_lease_args args = {.most = worker->lease_most,
                                        .keys = worker->keys,
                                        .lease_ms = worker->conf.lease_ms,
                                        .owner = worker->conf.owner,
                                        .back_ms = look_back_ms(&worker->look, now_us(worker))};
    sql_lease_add(job, &args);
    worker->lease_most = 0;
    worker->leased_us = now_us(worker);
}

static struct pg_job *new_job(struct worker *worker, pg_on_done *on_done)
{
    worker->jobs++;
    return pg_job_create(worker->conf.pg, on_done, worker);
}

/* ---- commits ---- */

static void add_move(struct worker *worker, const struct saga_move *move)
{
    struct grow *columns = worker->columns;
    grow_array_i64(&columns[COL_ID], (int64_t)move->id);
    grow_array_i64(&columns[COL_TOKEN], (int64_t)move->token);
    grow_array_i64(&columns[COL_MOVES], move->moves);
    grow_array_i64(&columns[COL_WAKE], move->wake);
    grow_array_i64(&columns[COL_AT_STEP], move->at_step);
    grow_array_bool(&columns[COL_UNDO], move->way == SAGA_UNDO);
    grow_array_i64(&columns[COL_MARK], move->mark);
    grow_array_i64(&columns[COL_TRIED], move->tried);
    grow_array_i64(&columns[COL_TOOK_US], move->took_us);
    grow_array_i64(&columns[COL_RODE], move->rode);
    grow_array_text(&columns[COL_CODE], span_of(move->code));
    grow_array_text(&columns[COL_DETAIL], span_of(move->detail));
    grow_array_i64(&columns[COL_STATE], move->state);
    grow_array_i64(&columns[COL_STEP], move->step);
    grow_array_bool(&columns[COL_PARKED], move->parked);
    grow_array_i64(&columns[COL_TRIES], move->tries);
    grow_array_i64(&columns[COL_DELAY_MS], move->release ? (int64_t)move->delay_ms : -1);
    grow_array_text(&columns[COL_CAUSE], span_of(move->cause));
    grow_array_text(&columns[COL_DATA], move->data);
}

static void add_effects(struct worker *worker, const struct saga_move *move)
{
    uint32_t at = 0;
    uint8_t kind;
    struct span json;
    struct trace trace;
    while (move->effects != NULL && saga_effects_next(move->effects, &at, &kind, &json)) {
        assert(kind < EFFECT_COUNT);
        assert(json.len > 2); /* not empty: a comma follows the members put in front */
        assert(json.ptr[0] == '{');
        struct grow *out = &worker->effects[kind];
        grow_add(out, out->len > 0 ? SPAN(",{\"saga\":") : SPAN("[{\"saga\":"));
        grow_u64(out, move->id);
        grow_add(out, SPAN(",\"lease\":"));
        grow_u64(out, move->token);
        grow_add(out, SPAN(",\"moves\":"));
        grow_u64(out, move->moves + 1);
        grow_add(out, SPAN(",\"trace\":\""));
        if (trace_parse(span_of(move->trace), &trace)) /* so it needs no escaping */
            grow_add(out, span_of(move->trace));
        grow_add(out, SPAN("\","));
        grow_add(out, span_skip(json, 1));
    }
}

static void send_part(struct worker *worker);

static bool is_about_data(const struct pg_answer *answer)
{
    return answer->rc == ERR_PEER &&
           (memcmp(answer->sqlstate, "22", 2) == 0 || memcmp(answer->sqlstate, "23", 2) == 0);
}

/* Uses only the first line of the database's message: the next ones quote the row. */
static void refuse(struct worker *worker, const struct pg_answer *answer)
{
    uint32_t at = worker->batch_at;
    struct span line;
    assert(worker->batch_part == 1); /* only the offending row */
    assert(at < worker->batch_len);
    span_cut(span_of(answer->text), '\n', &line);
    span_to_cstr_cut(line, worker->whys[at], sizeof(worker->whys[at]));
    worker->replies[at] =
        (struct saga_store_reply){.stored = SAGA_REFUSED, .why = worker->whys[at]};
    struct err_slot err;
    err_set(&err, ERR_PEER, "saga %" PRIu64 ": %s %s", worker->batch[at]->id, answer->sqlstate,
            worker->whys[at]);
    log_failure(worker->conf.log, "the database refuses this saga's move", &err);
}

static void take_replies(struct worker *worker, const PGresult *res)
{
    assert((uint32_t)PQntuples(res) == worker->batch_part);
    assert(worker->batch_at + worker->batch_part <= worker->batch_len);
    for (uint32_t i = 0; i < worker->batch_part; i++) {
        struct sql_moves_row row = sql_moves_row(res, (int)i);
        worker->replies[worker->batch_at + i] = (struct saga_store_reply){
            .stored = row.stored ? SAGA_STORED : SAGA_FENCED,
            .cancel = row.cancel,
            .wake = row.wake,
            .lease_us = worker->moved_us + (uint64_t)(row.left_us > 0 ? row.left_us : 0),
        };
    }
}

static void take_committed(struct worker *worker, const struct pg_answer *answer)
{
    assert(worker->batch_part > 0);
    if (is_about_data(answer) && worker->batch_part > 1) {
        worker->batch_part /= 2;
        send_part(worker);
        return;
    }
    if (is_about_data(answer)) {
        refuse(worker, answer);
    } else if (answer->rc < 0) { /* part of it may be stored; repeating is safe */
        struct err_slot err;
        pg_say_failure(answer, &err);
        log_failure(worker->conf.log, "moves were not stored, or the outcome is unknown", &err);
        saga_engine_on_committed(worker->engine, false, NULL);
        return;
    } else {
        edge(worker);
        take_replies(worker, answer->results[0]);
    }
    worker->batch_at += worker->batch_part;
    worker->batch_part = worker->batch_len - worker->batch_at;
    if (worker->batch_part > 0)
        send_part(worker);
    else
        saga_engine_on_committed(worker->engine, true, worker->replies);
}

static void on_committed(void *ctx, const struct pg_answer *answer)
{
    struct worker *worker = MAGIC_OF(worker, ctx);
    assert(worker->jobs > 0);
    assert(worker->lease_most == 0); /* leases are requested only while no commit is in flight */
    worker->jobs--;
    if (worker->closing) {
        worker_free_if_over(worker);
        return;
    }
    bool leased = worker->lease_rides;
    worker->lease_rides = false;
    take_committed(worker, answer);
    if (leased)
        take_leased(worker, answer);
}

static void add_moves(struct pg_job *job, struct worker *worker)
{
    struct grow *columns = worker->columns;
    for (int i = 0; i < COLUMNS; i++)
        grow_array_close(&columns[i]);
    const struct sql_moves_args args = {
        .id = whole(&columns[COL_ID]),
        .token = whole(&columns[COL_TOKEN]),
        .moves = whole(&columns[COL_MOVES]),
        .wake = whole(&columns[COL_WAKE]),
        .at_step = whole(&columns[COL_AT_STEP]),
        .undo = whole(&columns[COL_UNDO]),
        .mark = whole(&columns[COL_MARK]),
        .tried = whole(&columns[COL_TRIED]),
        .took_us = whole(&columns[COL_TOOK_US]),
        .rode = whole(&columns[COL_RODE]),
        .code = whole(&columns[COL_CODE]),
        .detail = whole(&columns[COL_DETAIL]),
        .state = whole(&columns[COL_STATE]),
        .step = whole(&columns[COL_STEP]),
        .parked = whole(&columns[COL_PARKED]),
        .tries = whole(&columns[COL_TRIES]),
        .delay_ms = whole(&columns[COL_DELAY_MS]),
        .cause = whole(&columns[COL_CAUSE]),
        .data = whole(&columns[COL_DATA]),
        .lease_ms = worker->conf.lease_ms,
    };
    sql_moves_add(job, &args);
}

static void (*const add_effect[EFFECT_COUNT])(struct pg_job *job,
                                              const struct sql_effects_args *args) = {
    [EFFECT_STATUS] = sql_effect_status_add,
    [EFFECT_PAYMENT] = sql_effect_payment_add,
    [EFFECT_EXPIRY] = sql_effect_expiry_add,
    [EFFECT_TICKET] = sql_effect_ticket_add,
    [EFFECT_REVOKE] = sql_effect_revoke_add,
    [EFFECT_MOVE_SHUT] = sql_effect_move_shut_add,
    [EFFECT_PART_FREED] = sql_effect_part_freed_add,
    [EFFECT_MOVE_SEATS] = sql_effect_move_seats_add,
    [EFFECT_MOVE_TICKET] = sql_effect_move_ticket_add,
    [EFFECT_MOVE_END] = sql_effect_move_end_add,
    [EFFECT_SHOP] = sql_effect_shop_add,
    [EFFECT_MAIL] = sql_effect_mail_add,
};

static struct pg_job *commit_job(struct worker *worker)
{
    struct pg_job *job = new_job(worker, on_committed);
    add_moves(job, worker);
    for (int i = 0; i < EFFECT_COUNT; i++) {
        if (grow_is_empty(&worker->effects[i]))
            continue;
        assert(add_effect[i] != NULL); /* each kind has a statement */
        grow_add(&worker->effects[i], SPAN("]"));
        add_effect[i](job, &(struct sql_effects_args){whole(&worker->effects[i])});
    }
    worker->lease_rides = worker->lease_most > 0;
    if (worker->lease_rides)
        add_lease(job, worker);
    return job;
}

static void send_part(struct worker *worker)
{
    assert(!worker->closing);
    assert(worker->batch_part > 0);
    for (int i = 0; i < COLUMNS; i++)
        grow_array_open(&worker->columns[i]);
    for (int i = 0; i < EFFECT_COUNT; i++)
        grow_clear(&worker->effects[i]);
    for (uint32_t i = 0; i < worker->batch_part; i++) {
        add_move(worker, worker->batch[worker->batch_at + i]);
        add_effects(worker, worker->batch[worker->batch_at + i]);
    }
    worker->moved_us = now_us(worker);
    pg_job_send(commit_job(worker));
}

static void commit(void *ctx, const struct saga_move *const *moves, uint32_t len)
{
    struct worker *worker = MAGIC_OF(worker, ctx);
    assert(len > 0);
    assert(len <= worker->conf.slots); /* `replies` and `whys` have room for these */
    edge(worker);
    worker->batch = moves;
    worker->batch_len = worker->batch_part = len;
    worker->batch_at = 0;
    send_part(worker);
}

/* ---- sagas of unknown definitions ---- */

static void on_unknown(void *ctx, const struct pg_answer *answer)
{
    struct worker *worker = MAGIC_OF(worker, ctx);
    assert(worker->jobs > 0);
    worker->jobs--;
    if (worker->closing) {
        worker_free_if_over(worker);
        return;
    }
    if (answer->rc < 0)
        return; /* try again at the next look */
    const PGresult *res = answer->results[0];
    uint64_t before = atomic_load_explicit(&worker->unknown, memory_order_relaxed), now = 0;
    for (int i = 0; i < PQntuples(res); i++)
        now += sql_saga_unknown_row(res, i).sagas;
    atomic_store_explicit(&worker->unknown, now, memory_order_relaxed);
    for (int i = 0; i < PQntuples(res) && now > before; i++) {
        struct sql_saga_unknown_row row = sql_saga_unknown_row(res, i);
        struct log_line line;
        log_begin(&line, worker->conf.log, LOG_LEVEL_ERROR,
                  "sagas with a definition that this program does not have are left alone");
        log_str(&line, "definition", row.key);
        log_u64(&line, "sagas", row.sagas);
        log_end(&line);
    }
}

void worker_look_for_unknown(struct worker *worker)
{
    assert(!worker->closing);
    const struct sql_saga_unknown_args args = {.keys = worker->keys};
    worker->jobs++;
    sql_saga_unknown(worker->conf.pg, &args, on_unknown, worker);
}

const _Atomic uint64_t *worker_unknown(const struct worker *worker)
{
    return &worker->unknown;
}

/* ---- turning ---- */

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* it only wakes the loop; on_check() does the work */
}

static void turn(struct worker *worker)
{
    assert(!worker->closing);
    uint64_t now = now_us(worker);
    saga_engine_turn(worker->engine, now);
    if (worker->lease_most > 0) { /* no commit has carried it */
        struct pg_job *job = new_job(worker, on_leased);
        add_lease(job, worker);
        pg_job_send(job);
    }
    uint64_t due = saga_engine_due_us(worker->engine);
    uint64_t wait_ms = due > now ? (due - now + 999) / 1000 : 0;
    uv_update_time(worker->conf.loop);
    uv_timer_start(&worker->timer, on_timer, wait_ms, 0);
}

static void on_check(uv_check_t *check)
{
    turn(check->data);
}

/* ---- create and destroy ---- */

int worker_reclaim(const char *conninfo, const char *instance, struct err_slot *err)
{
    assert(instance[0] != '\0'); /* "" would reclaim leases without a name from every instance */
    PGconn *pq = PQconnectdb(conninfo);
    PGresult *res = sql_reclaim(pq, &(struct sql_reclaim_args){.instance = instance});
    int rc = PQresultStatus(res) == PGRES_COMMAND_OK
                 ? 0
                 : err_set(err, ERR_PEER, "reclaiming sagas: %s", PQerrorMessage(pq));
    PQclear(res);
    PQfinish(pq);
    return rc;
}

static char *keys_of(const struct worker_conf *conf)
{
    struct grow keys = {0};
    grow_array_open(&keys);
    for (uint32_t i = 0; i < conf->defs_len; i++)
        grow_array_text(&keys, span_of(conf->defs[i]->key));
    grow_array_close(&keys);
    return (char *)grow_cstr(&keys);
}

static int create_engine(struct worker *worker, struct err_slot *err)
{
    const struct worker_conf *conf = &worker->conf;
    struct saga_engine_conf engine = {
        .defs = conf->defs,
        .defs_len = conf->defs_len,
        .slots = conf->slots,
        .calls_max = conf->calls_max,
        .idle_ms = conf->idle_ms,
        .lease_ms = conf->lease_ms,
        .breaker_trip = SAGA_BREAKER_TRIP,
        .breaker_open_ms = SAGA_BREAKER_OPEN_MS,
        .breaker_open_max_ms = SAGA_BREAKER_OPEN_MAX_MS,
        .budget_share_milli = SAGA_BUDGET_SHARE_MILLI,
        .budget_per_s = SAGA_BUDGET_PER_S,
        .budget_cap = SAGA_BUDGET_CAP,
        .store = {lease, commit, worker},
        .rng = conf->rng,
        .admit = conf->admit,
        .on_try = conf->on_try,
        .on_stored = conf->on_stored,
        .ctx = conf->ctx,
    };
    return saga_engine_create(&engine, now_us(worker), err, &worker->engine);
}

int worker_create(const struct worker_conf *conf, struct err_slot *err, struct worker **out)
{
    assert(conf->defs_len > 0);
    assert(conf->lease_ms > 0);
    assert(conf->owner != NULL);
    struct worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL)
        return err_set(err, ERR_NOMEM, "saga worker");
    MAGIC_BEGIN(worker, worker);
    worker->conf = *conf;
    worker->keys = keys_of(conf);
    worker->replies = calloc(conf->slots, sizeof(*worker->replies));
    worker->rows = calloc(conf->slots, sizeof(*worker->rows));
    worker->whys = calloc(conf->slots, sizeof(*worker->whys));
    if (worker->keys == NULL || worker->replies == NULL || worker->rows == NULL ||
        worker->whys == NULL) {
        worker_free_if_over(worker);
        return err_set(err, ERR_NOMEM, "saga worker of %u slots", conf->slots);
    }
    int rc = create_engine(worker, err);
    if (rc < 0) {
        worker_free_if_over(worker);
        return rc;
    }
    uv_check_init(conf->loop, &worker->check); /* these cannot fail */
    uv_timer_init(conf->loop, &worker->timer);
    worker->check.data = worker->timer.data = worker;
    worker->handles = 2;
    uv_check_start(&worker->check, on_check);
    uv_timer_start(&worker->timer, on_timer, 0, 0);
    *out = worker;
    return 0;
}

void worker_nudge(struct worker *worker)
{
    assert(!worker->closing);
    saga_engine_nudge(worker->engine);
    uv_timer_start(&worker->timer, on_timer, 0, 0);
}

void worker_drain(struct worker *worker)
{
    saga_engine_drain(worker->engine);
    worker_nudge(worker);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct worker *worker = MAGIC_OF(worker, handle->data);
    assert(worker->closing);
    assert(worker->handles > 0);
    worker->handles--;
    worker_free_if_over(worker);
}

void worker_close(struct worker *worker)
{
    if (worker == NULL)
        return;
    assert(!worker->closing);
    worker->closing = true;
    saga_engine_destroy(worker->engine);
    worker->engine = NULL;
    uv_close((uv_handle_t *)&worker->check, on_handle_closed);
    uv_close((uv_handle_t *)&worker->timer, on_handle_closed);
}
