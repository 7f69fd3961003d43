/* webhooks.c: POST /v1/pay/webhooks/{provider}.
 *
 * A webhook decides nothing. Once it is authenticated, its id is stored (each id once) and the saga
 * of its payment is woken; the saga then reads the payment itself. So a hundred copies wake it
 * once, and events out of order do no harm. If a webhook never comes, the saga's polling makes up
 * for it. The answer is 2xx only once the event is stored, or found not to concern us.
 *
 * One statement stores a whole batch and wakes the sagas of the new events. It runs concurrently
 * with commits of the saga engine, which update the same rows in another order, and two
 * transactions that wait for each other's rows deadlock. So this statement never waits for a saga's
 * row: it wakes the sagas whose rows are unlocked, and returns the locked ones. Those are retried
 * with the next batches and, if they stay locked, woken one by one; a statement that waits for one
 * row and holds none blocks nobody. If the process dies in between, the saga's polling makes up for
 * it. Batches start at a minimum interval, so that in a rush they grow instead of multiplying.
 * Events are inserted in key order, so that two batches with the same events wait for each other in
 * one direction only.
 *
 * Events that concern none of our open orders are answered and dropped: some providers sign
 * nothing, so anybody could fill the table, and an ended order needs no events. (Reconciliation
 * reads the provider's own list.) Old rows are swept. */
#include "api/webhooks.h"

#include "api/guard.h"
#include "api/routes.h"
#include "base/bug.h"
#include "base/grow.h"
#include "base/magic.h"
#include "observe/log.h"
#include "pay_loop.h"
#include "store/statements.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum { COL_PROVIDER, COL_ID, COL_KIND, COL_PAYMENT, COL_ORDER, COL_WAKE, COLUMNS };

enum { GATHER_MS = 4 /* a flush of the log or two */, RIDES_MAX = 10 };

/* A stored event whose saga's row was locked. */
struct wake {
    struct http_req *req;
    char order[ORDER_ID_MAX];
    uint32_t rides; /* batches it was retried with */
};

struct batch {
    struct grow columns[COLUMNS];
    struct http_req *reqs[WEBHOOK_BATCH_MAX];
    uint32_t providers[WEBHOOK_BATCH_MAX]; /* their indices */
    uint32_t len;
    struct wake wakes[WEBHOOK_BATCH_MAX];
    uint32_t wakes_len;
};

struct webhooks {
    uint32_t magic;
    struct webhooks_conf conf;
    struct webhooks_stats stats;
    uv_timer_t timer; /* runs until the next batch may start */
    struct batch batches[2];
    unsigned gathering; /* which of the two gathers */
    bool travelling, closing, timer_closed;
};

MAGIC(webhooks, 0x3a700009);

static void batch_clear(struct batch *batch)
{
    batch->len = batch->wakes_len = 0;
    for (int i = 0; i < COLUMNS; i++) {
        grow_clear(&batch->columns[i]);
        grow_array_open(&batch->columns[i]);
    }
}

static void free_if_over(struct webhooks *webhooks)
{
    if (webhooks->travelling || !webhooks->timer_closed)
        return;
    assert(webhooks->closing);
    for (int i = 0; i < 2; i++) {
        for (int column = 0; column < COLUMNS; column++)
            grow_free(&webhooks->batches[i].columns[column]);
    }
    MAGIC_END(webhooks, webhooks);
    free(webhooks);
}

static void on_timer(uv_timer_t *timer);

static void begin_soon(struct webhooks *webhooks)
{
    if (!webhooks->travelling && !uv_is_active((uv_handle_t *)&webhooks->timer))
        uv_timer_start(&webhooks->timer, on_timer, 0, 0);
}

/* ---- answers ---- */

static void on_woken(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    if (answer->rc == 0 && PQntuples(answer->results[0]) > 0)
        worker_nudge(pay_of(req)->worker);
    http_reply(req, &(struct http_reply){.status = 204}); /* the event is stored */
}

static void wake_later(struct webhooks *webhooks, struct http_req *req, const char *order,
                       uint32_t rides)
{
    struct batch *next = &webhooks->batches[webhooks->gathering];
    assert(rides <= RIDES_MAX);
    if (webhooks->closing || rides == RIDES_MAX || next->wakes_len == WEBHOOK_BATCH_MAX) {
        sql_order_wake(webhooks->conf.pg, &(struct sql_order_wake_args){order}, on_woken, req);
        return;
    }
    struct wake *wake = &next->wakes[next->wakes_len++];
    wake->req = req;
    wake->rides = rides;
    span_to_cstr(span_of(order), wake->order, sizeof(wake->order));
    grow_array_text(&next->columns[COL_WAKE], span_of(order));
}

/* True if the sagas' worker has new work. */
static bool answer_events(struct webhooks *webhooks, const struct batch *batch,
                          const struct pg_answer *answer)
{
    bool woken = false;
    for (uint32_t i = 0; i < batch->len; i++) {
        if (answer->rc < 0) { /* the provider retries */
            guard_unavailable(batch->reqs[i], answer->rc);
            continue;
        }
        assert((uint32_t)PQntuples(answer->results[0]) == batch->len);
        const struct sql_webhook_events_row row =
            sql_webhook_events_row(answer->results[0], (int)i);
        woken = woken || row.woken;
        struct http_req *req = batch->reqs[i];
        uint32_t provider = batch->providers[i];
        struct webhooks_stats *stats = &webhooks->stats;
        atomic_fetch_add_explicit(!row.ours    ? &stats->strange
                                  : row.is_new ? &stats->good
                                               : &stats->repeated,
                                  1, memory_order_relaxed);
        assert(provider < PSP_PROVIDERS);
        if (row.ours)
            atomic_store_explicit(&webhooks->conf.psp->seen[provider].at_us,
                                  clock_mono_us(webhooks->conf.clock), memory_order_relaxed);
        char order[ORDER_ID_MAX];
        if (row.to_wake && span_to_cstr(row.order_id, order, sizeof(order)))
            wake_later(webhooks, req, order, 0);
        else
            http_reply(req, &(struct http_reply){.status = 204});
    }
    return woken;
}

static void on_stored(void *ctx, const struct pg_answer *answer)
{
    struct webhooks *webhooks = MAGIC_OF(webhooks, ctx);
    struct batch *batch = &webhooks->batches[1 - webhooks->gathering];
    assert(webhooks->travelling);
    bool woken = answer_events(webhooks, batch, answer);
    for (uint32_t i = 0; i < batch->wakes_len; i++) {
        const struct wake *wake = &batch->wakes[i];
        struct sql_orders_wake_row row = {.locked = true};
        if (answer->rc == 0) {
            const PGresult *rows = answer->results[answer->len - 1];
            assert((uint32_t)PQntuples(rows) == batch->wakes_len);
            row = sql_orders_wake_row(rows, (int)i);
        }
        woken = woken || row.woken;
        if (row.locked)
            wake_later(webhooks, wake->req, wake->order, wake->rides + 1);
        else
            http_reply(wake->req, &(struct http_reply){.status = 204});
    }
    batch_clear(batch);
    webhooks->travelling = false;
    if (webhooks->closing) {
        free_if_over(webhooks);
        return;
    }
    if (woken)
        webhooks->conf.on_woken(webhooks->conf.ctx);
    begin_soon(webhooks);
}

/* ---- sending ---- */

static void send_batch(struct webhooks *webhooks)
{
    struct batch *batch = &webhooks->batches[webhooks->gathering];
    bool whole = true;
    assert(!webhooks->travelling);
    assert(webhooks->batches[1 - webhooks->gathering].len == 0);
    for (int i = 0; i < COLUMNS; i++) {
        grow_array_close(&batch->columns[i]);
        whole = grow_cstr(&batch->columns[i]) != NULL && whole;
    }
    webhooks->gathering = 1 - webhooks->gathering;
    webhooks->travelling = true;
    uv_timer_start(&webhooks->timer, on_timer, GATHER_MS, 0);
    if (!whole) {
        on_stored(webhooks, &(struct pg_answer){.rc = ERR_NOMEM});
        return;
    }
    struct pg_job *job = pg_job_create(webhooks->conf.pg, on_stored, webhooks);
    const struct sql_webhook_events_args args = {.provider = batch->columns[COL_PROVIDER].ptr,
                                                 .id = batch->columns[COL_ID].ptr,
                                                 .kind = batch->columns[COL_KIND].ptr,
                                                 .payment = batch->columns[COL_PAYMENT].ptr,
                                                 .order = batch->columns[COL_ORDER].ptr};
    if (batch->len > 0)
        sql_webhook_events_add(job, &args);
    if (batch->wakes_len > 0)
        sql_orders_wake_add(job, &(struct sql_orders_wake_args){batch->columns[COL_WAKE].ptr});
    pg_job_send(job);
}

static void on_timer(uv_timer_t *timer)
{
    struct webhooks *webhooks = MAGIC_OF(webhooks, timer->data);
    const struct batch *batch = &webhooks->batches[webhooks->gathering];
    if (!webhooks->travelling && batch->len + batch->wakes_len > 0)
        send_batch(webhooks);
}

static void store(struct webhooks *webhooks, struct http_req *req, const struct psp *psp,
                  const struct psp_event *event)
{
    struct batch *batch = &webhooks->batches[webhooks->gathering];
    assert(!webhooks->closing);
    assert(psp->place < PSP_PROVIDERS);
    if (batch->len == WEBHOOK_BATCH_MAX) {
        guard_unavailable(req, ERR_FULL);
        return;
    }
    batch->providers[batch->len] = psp->place;
    batch->reqs[batch->len++] = req;
    grow_array_text(&batch->columns[COL_PROVIDER], span_of(psp->driver->name));
    grow_array_text(&batch->columns[COL_ID], span_of(event->id));
    grow_array_text(&batch->columns[COL_KIND], span_of(event->kind));
    grow_array_text(&batch->columns[COL_PAYMENT], span_of(event->payment));
    grow_array_text(&batch->columns[COL_ORDER], span_of(event->order));
    begin_soon(webhooks);
}

/* ---- reading ---- */

/* A long body is read off the loop: some providers sign nothing, and a wrong signature shows only
 * once the whole body is hashed. */
struct reading {
    struct pay_work work;
    struct http_req *req;
    struct psp psp;
    char secrets[PAY_SECRET_MAX]; /* a copy: a reload overwrites the loop's */
    struct span signature;
    uint64_t now_s;
    int rc;
    struct err_slot err;
    struct psp_event event;
};

static void reading_free(struct reading *reading)
{
    sodium_memzero(reading->secrets, sizeof(reading->secrets));
    free(reading);
}

static void read_webhook(void *ctx)
{
    struct reading *reading = ctx;
    reading->rc =
        reading->psp.driver->webhook(&reading->psp, reading->signature, http_req_body(reading->req),
                                     reading->now_s, &reading->err, &reading->event);
}

static void answer_bad(struct pay *pay, const struct reading *reading)
{
    atomic_fetch_add_explicit(&pay->webhooks->stats.bad, 1, memory_order_relaxed);
    log_failure(pay->loop->log, "webhook refused", &reading->err);
    refusal_reply(reading->req, reading->rc == ERR_AUTH      ? REFUSAL_SIGNATURE
                                : reading->rc == ERR_TIMEOUT ? REFUSAL_TIMESTAMP
                                                             : REFUSAL_WEBHOOK);
}

static void on_read(void *ctx)
{
    struct reading *reading = ctx;
    struct pay *pay = pay_of(reading->req);
    if (pay == NULL || reading->rc == ERR_NOMEM) /* the provider retries */
        guard_unavailable(reading->req, pay == NULL ? ERR_CLOSED : ERR_NOMEM);
    else if (reading->rc < 0)
        answer_bad(pay, reading);
    else
        store(pay->webhooks, reading->req, &reading->psp, &reading->event);
    reading_free(reading);
}

static void on_webhook(struct http_req *req)
{
    struct pay *pay = pay_of(req);
    const struct psp *psp = peers_http_psp(&pay->peers, http_req_param(req, 0));
    if (psp == NULL) {
        refusal_reply(req, REFUSAL_PROVIDER_UNKNOWN);
        return;
    }
    struct reading *reading = calloc(1, sizeof(*reading));
    if (reading == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return;
    }
    const char *signed_by = psp->driver->signature;
    reading->req = req;
    reading->psp = *psp;
    snprintf(reading->secrets, sizeof(reading->secrets), "%s", psp->conf.webhook_secrets);
    reading->psp.conf.webhook_secrets = reading->secrets;
    reading->signature =
        signed_by != NULL ? http_req_header_named(req, span_of(signed_by)) : SPAN("");
    reading->now_s = clock_wall_us(pay->loop->clock) / 1000000;
    reading->work =
        (struct pay_work){.loop = pay->loop, .run = read_webhook, .then = on_read, .ctx = reading};
    if (http_req_body(req).len > WEBHOOK_SHORT_MAX)
        reading->work.limit = &pay->common->caps->webhooks;
    if (!pay_work_begin(&reading->work)) {
        guard_unavailable(req, ERR_FULL);
        reading_free(reading);
    }
}

const struct http_route webhook_routes[] = {
    {HTTP_METHOD_POST, "/v1/pay/webhooks/{provider}", on_webhook, NULL, BODY_WEBHOOK_MAX},
    {.pattern = NULL},
};

/* ---- create and destroy ---- */

int webhooks_create(const struct webhooks_conf *conf, struct err_slot *err, struct webhooks **out)
{
    assert(conf->on_woken != NULL);
    struct webhooks *webhooks = calloc(1, sizeof(*webhooks));
    if (webhooks == NULL)
        return err_set(err, ERR_NOMEM, "webhooks");
    MAGIC_BEGIN(webhooks, webhooks);
    webhooks->conf = *conf;
    for (int i = 0; i < 2; i++)
        batch_clear(&webhooks->batches[i]);
    uv_timer_init(conf->loop, &webhooks->timer); /* cannot fail */
    webhooks->timer.data = webhooks;
    *out = webhooks;
    return 0;
}

const struct webhooks_stats *webhooks_stats(const struct webhooks *webhooks)
{
    return &webhooks->stats;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct webhooks *webhooks = MAGIC_OF(webhooks, handle->data);
    webhooks->timer_closed = true;
    free_if_over(webhooks);
}

void webhooks_close(struct webhooks *webhooks)
{
    if (webhooks == NULL)
        return;
    assert(!webhooks->closing);
    webhooks->closing = true;
    struct batch *batch = &webhooks->batches[webhooks->gathering];
    for (uint32_t i = 0; i < batch->len; i++)
        guard_unavailable(batch->reqs[i], ERR_CLOSED);
    for (uint32_t i = 0; i < batch->wakes_len; i++) /* their events are stored */
        http_reply(batch->wakes[i].req, &(struct http_reply){.status = 204});
    batch->len = batch->wakes_len = 0;
    uv_close((uv_handle_t *)&webhooks->timer, on_timer_closed);
}
