/* giving_back.c: see giving_back.h. Replaces what saga/cancellations.c calls: its statements, as
 * jobs whose way to the database and back takes time and may fail, their results, the worker. */
#include "giving_back.h"

#include "books.h"
#include "stage/faults.h"

#include "core/cancelling/cancelling.h"
#include "saga/cancellations.h"
#include "store/refunding.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PAGE = 4, /* small, as the world is; ROOM, too */
    ROOM = 6,
    CREDITS_MAX = 32, /* as in pay_limits.h, which cannot be included next to queue-front's */
};

struct worker {
    void (*nudge)(void *ctx);
    void *ctx;
};

struct pg_pool {
    struct sim_proc *proc;
    const struct checkout *checkout;
    struct worker worker;
    struct cancellations *all;
};

struct result {
    int rows; /* first, as in postgres/sql.c, which has PQntuples() */
    struct deals_page page;
    bool ended;
};

struct pg_job {
    struct pg_pool *pg;
    uint32_t life; /* of the process that sent it */
    pg_on_done *on_done;
    void *ctx;
    void (*act)(struct pg_job *job);
    bool failed;
    struct result result;
    /* the statement's arguments */
    char order[ORDER_ID_MAX];
    bool has_order, free;
    uint32_t ms, percent, most;
    uint64_t amount;
    const char *reason;
};

/* ---- jobs ---- */

struct pg_job *pg_job_create(struct pg_pool *pg, pg_on_done *on_done, void *ctx)
{
    struct pg_job *job = sim_new(sizeof(*job));
    *job = (struct pg_job){.pg = pg, .life = pg->proc->life, .on_done = on_done, .ctx = ctx};
    return job;
}

/* Frees the result, too: nothing may use a row after its callback. */
static void answer(void *ctx)
{
    struct pg_job *job = ctx;
    PGresult *results[] = {(PGresult *)&job->result};
    const struct pg_answer its = {
        .rc = job->failed ? ERR_UNKNOWN : 0, .text = "", .results = results, .len = 1};
    if (job->life == job->pg->proc->life)
        job->on_done(job->ctx, &its);
    free(job);
}

static void at_database(void *ctx)
{
    struct pg_job *job = ctx;
    job->failed = fault_now(FAULT_BOOK_FAILS);
    if (!job->failed)
        job->act(job);
    job->failed = job->failed || fault_now(FAULT_BOOK_LOST);
    sim_after(job->pg->proc, book_way_us(), answer, job);
}

void pg_job_send(struct pg_job *job)
{
    assert(job->act != NULL);
    sim_after(NULL, book_way_us(), at_database, job);
}

static void prepare(struct pg_job *job, const char *order, void (*act)(struct pg_job *job))
{
    job->has_order = order != NULL;
    snprintf(job->order, sizeof(job->order), "%s", order != NULL ? order : "");
    job->act = act;
}

void pg_say_failure(const struct pg_answer *its, struct err_slot *err)
{
    (void)err_set(err, its->rc, "lost");
}

/* ---- statements ---- */

static void take(struct pg_job *job)
{
    struct result *result = &job->result;
    book_page(job->most, ROOM, job->ms * (uint64_t)SIM_MS, &result->page);
    result->rows = !result->page.found ? 0 : result->page.len > 0 ? (int)result->page.len : 1;
}

void sql_cancelling_take(struct pg_pool *pg, const struct sql_cancelling_take_args *args,
                         pg_on_done *on_done, void *ctx)
{
    struct pg_job *job = pg_job_create(pg, on_done, ctx);
    job->most = args->most;
    job->ms = args->lease_ms;
    prepare(job, NULL, take);
    pg_job_send(job);
}

struct sql_cancelling_take_row sql_cancelling_take_row(const PGresult *its, int row)
{
    const struct result *result = (const struct result *)its;
    const struct deals_due *due = &result->page.orders[row];
    struct sql_cancelling_take_row out = {
        .event = SPAN("gala"), .reason = SPAN("cancelled"), .most = result->page.most};
    if (result->page.len == 0)
        return out;
    out.order_id = span_of(due->order);
    out.status = due->status;
    out.moving = due->moving;
    out.used = due->used;
    out.amount = due->amount;
    out.seats = SPAN("[]");
    return out;
}

static void pass(struct pg_job *job)
{
    job->result.ended = book_passed(job->has_order ? job->order : NULL, job->ms * (uint64_t)SIM_MS);
    job->result.rows = 1;
}

void sql_cancelling_passed(struct pg_pool *pg, const struct sql_cancelling_passed_args *args,
                           pg_on_done *on_done, void *ctx)
{
    struct pg_job *job = pg_job_create(pg, on_done, ctx);
    job->ms = args->pause_ms;
    prepare(job, args->passed, pass);
    pg_job_send(job);
}

struct sql_cancelling_passed_row sql_cancelling_passed_row(const PGresult *its, int row)
{
    assert(row == 0);
    return (struct sql_cancelling_passed_row){((const struct result *)its)->ended};
}

static void cancel(struct pg_job *job)
{
    (void)book_cancel(job->order, checkout_now(job->pg->checkout, CHECKOUT_SALE)->pivot);
}

void sql_order_cancel(struct pg_pool *pg, const struct sql_order_cancel_args *args,
                      pg_on_done *on_done, void *ctx)
{
    struct pg_job *job = pg_job_create(pg, on_done, ctx);
    prepare(job, args->order, cancel);
    pg_job_send(job);
}

static void refund(struct pg_job *job)
{
    (void)book_refund(job->order, checkout_now(job->pg->checkout, CHECKOUT_REFUND), job->percent);
}

void refunding_add_whole(struct pg_job *job, const struct sql_order_refund_args *args)
{
    assert(args->has_percent);
    job->percent = args->percent;
    prepare(job, args->order, refund);
}

static void credit(struct pg_job *job)
{
    (void)book_credit(job->order, checkout_now(job->pg->checkout, CHECKOUT_CREDIT), job->amount,
                      job->reason, job->free, job->most);
}

void refunding_add_part(struct pg_job *job, const struct sql_order_credit_args *args)
{
    assert(args->has_amount);
    job->amount = args->amount;
    job->reason = args->reason;
    job->free = args->free;
    job->most = args->most - CREDITS_MAX + BOOK_CREDITS_MAX; /* fewer fit here */
    prepare(job, args->order, credit);
}

/* ---- the process ---- */

void worker_nudge(struct worker *worker)
{
    worker->nudge(worker->ctx);
}

static void tick(void *ctx)
{
    struct pg_pool *pg = ctx;
    cancellations_tick(pg->all);
    sim_after(pg->proc, CANCELLING_TICK_MS * SIM_MS, tick, pg);
}

void giving_back_begin(struct sim_proc *proc, const struct checkout *checkout,
                       void (*nudge)(void *ctx), void *ctx)
{
    struct pg_pool *pg = sim_new(sizeof(*pg));
    *pg = (struct pg_pool){.proc = proc, .checkout = checkout, .worker = {nudge, ctx}};
    const struct cancellations_conf conf = {
        .pg = pg, .checkout = checkout, .worker = &pg->worker, .per_s = PAGE};
    int rc = cancellations_create(&conf, NULL, &pg->all);
    assert(rc == 0);
    sim_after(proc, CANCELLING_TICK_MS * SIM_MS, tick, pg);
}
