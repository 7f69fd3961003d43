/* pay.c: the payment adapter, put together. A loop's parts are created from top to bottom, each
 * with a conf of only what it needs. They are closed in an order that lets each part give the
 * answers it still owes: first those that make requests (watches, outboxes, sagas), then the
 * outgoing calls, then the databases. A failed start takes the same path, so a part that was never
 * created is closed as NULL. */
#include "pay.h"

#include "api/order_watch.h"
#include "api/webhooks.h"
#include "letters/outbox.h"
#include "observe/log.h"
#include "saga/cancellations.h"
#include "saga/order_series.h"
#include "saga/pace_reporter.h"
#include "saga/reconcile.h"
#include "store/statements.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { TICK_MS = 100, LAGS_EVERY = 20, SWEEP_EVERY = 600 };
enum { KEYS_REFRESH_MS = 60000, KEYS_DOUBT_MS = 2000 };

/* Parts of a loop that no request handler reaches. */
struct pay_own {
    struct pg_pool *saga_pg; /* the engine's own, so that its commits delay no page */
    struct pace_reporter *pace_reporter;
    struct order_series *series;
    struct cancellations *cancellations; /* loop 0 only */
    char owner[CONFIG_STRING_MAX + 12];  /* of this loop's leases: LOOP/INSTANCE */
    struct crash_point crash_point;
    uv_timer_t timer; /* sweeps, lags, readiness */
    uint32_t ticks;
    uint64_t lags_asked_us; /* 0: no query in flight */
    /* What drivers and peers borrow. */
    char service_token[PAY_SECRET_MAX], seats_admin[PAY_SECRET_MAX];
    char shop_key[PAY_SECRET_MAX], mail_password[PAY_SECRET_MAX];
    char psp_key[PSP_PROVIDERS][PAY_SECRET_MAX], psp_webhook[PSP_PROVIDERS][PAY_SECRET_MAX];
    char return_url[CONFIG_STRING_MAX + 32];
    char passes_url[CONFIG_STRING_MAX + 32];
};

/* ---- around peers: a span of each call, and crash points for tests ---- */

struct edge_call {
    struct pay *pay;
    void (*on_done)(struct peer_call *peer);
    void *ctx;
    const char *above; /* the caller's traceparent */
    struct tracer_work work;
    char below[TRACE_TEXT_LEN + 1];
};

static void trace_call(const struct edge_call *edge, const struct peer_call *peer)
{
    static const char *const peers[] = {[PEER_ABOUT_HOLD] = "seats",
                                        [PEER_ABOUT_SEATS_VISIT] = "seats",
                                        [PEER_ABOUT_LINE_VISIT] = "line",
                                        [PEER_ABOUT_PAYMENT] = "provider"};
    const struct peer_question *question = peer_question(peer->op);
    struct tracer_span span;
    if (!tracer_end(&edge->work, edge->pay->loop->clock, &span))
        return;
    span.failed = peer->verdict == SAGA_UNKNOWN;
    tracer_span_name(&span, peers[question->about], question->name);
    if (question->about == PEER_ABOUT_PAYMENT)
        tracer_span_text(&span, "fairgate.provider", span_of(peer->order->provider));
    tracer_span_text(&span, "fairgate.code", span_of(peer->code));
    tracer_add(service_tracer(edge->pay->loop->service), &span);
}

static void on_edge_done(struct peer_call *peer)
{
    struct edge_call *edge = peer->ctx;
    crash_point_pass(&edge->pay->own->crash_point);
    trace_call(edge, peer);
    peer->on_done = edge->on_done;
    peer->ctx = edge->ctx;
    peer->trace = edge->above;
    free(edge);
    peer->on_done(peer);
}

static void start_peer(void *ctx, struct peer_call *peer)
{
    struct pay *pay = ctx;
    struct peers peers = peers_http_peers(&pay->peers);
    struct tracer *tracer = service_tracer(pay->loop->service);
    bool wanted = pay->own->crash_point.at != 0 || tracer != NULL;
    struct edge_call *edge = wanted ? calloc(1, sizeof(*edge)) : NULL;
    if (edge != NULL) {
        crash_point_pass(&pay->own->crash_point);
        *edge = (struct edge_call){.pay = pay,
                                   .on_done = peer->on_done,
                                   .ctx = peer->ctx,
                                   .above = peer->trace != NULL ? peer->trace : ""};
        tracer_begin(tracer, edge->above, pay->loop->clock, pay->loop->rng, &edge->work,
                     edge->below);
        peer->trace = edge->below;
        peer->on_done = on_edge_done;
        peer->ctx = edge;
    }
    peers.start(peers.ctx, peer);
}

/* ---- sagas ---- */

/* Sets the try's own trace id before its calls, which become its children. */
static void on_try(void *ctx, char trace[SAGA_TRACE_MAX])
{
    const struct pay *pay = ctx;
    struct tracer_work work;
    char below[TRACE_TEXT_LEN + 1];
    tracer_begin(service_tracer(pay->loop->service), trace, pay->loop->clock, pay->loop->rng, &work,
                 below);
    static_assert(sizeof(below) <= SAGA_TRACE_MAX, "a saga keeps a traceparent");
    memcpy(trace, below, sizeof(below));
}

/* Records a tried step, as a child of the order's request, whose trace the row keeps. */
static void trace_step(const struct pay *pay, const struct saga_row *row,
                       const struct saga_move *move, const char *step, const struct trace *parent,
                       struct tracer_span *span)
{
    struct tracer *tracer = service_tracer(pay->loop->service);
    span->kind = TRACER_INTERNAL;
    span->began_us = clock_wall_us(pay->loop->clock) - span->took_us;
    memcpy(span->parent, parent->span_id, sizeof(span->parent));
    if (memcmp(span->trace.span_id, parent->span_id, sizeof(span->parent)) ==
        0) /* called nothing */
        span->trace = trace_continue(span_of(row->trace), pay->loop->rng);
    tracer_span_name(span, move->way == SAGA_UNDO ? "saga undo" : "saga", step);
    tracer_span_number(span, "fairgate.saga", move->id);
    tracer_span_text(span, "fairgate.definition", span_of(row->def->key));
    tracer_span_text(span, "fairgate.outcome", span_of(saga_mark_name(move->mark)));
    tracer_add(tracer, span);
}

static void send_trace(struct pay *pay, const struct saga_row *row, const struct saga_move *move)
{
    struct tracer *tracer = service_tracer(pay->loop->service);
    bool failed = move->parked || move->mark == SAGA_MARK_FAILED || move->mark == SAGA_MARK_UNKNOWN;
    struct trace parent, own;
    if (tracer == NULL || move->mark == SAGA_MARK_DEFERRED ||
        !trace_parse(span_of(row->trace), &parent) || !trace_parse(span_of(move->trace), &own) ||
        !tracer_wants(tracer, &own, failed, move->took_us, false))
        return;
    const struct saga_step *const *step = &row->def->steps[move->at_step];
    struct tracer_span span = {.trace = own, .failed = failed, .took_us = move->took_us};
    tracer_span_text(&span, "fairgate.code", span_of(move->code));
    tracer_span_number(&span, "fairgate.try", move->tried);
    trace_step(pay, row, move, (*step)->name, &parent, &span);
    for (uint8_t i = 1; i <= move->rode; i++) {
        struct tracer_span behind = {.trace = parent};
        trace_step(pay, row, move, step[i]->name, &parent, &behind);
    }
}

static void on_woken(void *ctx)
{
    struct pay *pay = ctx;
    worker_nudge(pay->worker);
}

static void on_stored(void *ctx, const struct saga_row *row, const struct saga_move *move)
{
    struct pay *pay = ctx;
    assert(pay != NULL);
    if (move->parked || saga_ended(move->state)) {
        _Atomic uint64_t *counter = &pay->undone_ever;
        if (move->parked)
            counter = &pay->parked_ever;
        else if (move->state == SAGA_COMPLETED)
            counter = &pay->completed_ever;
        atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
        struct log_line line;
        log_begin(&line, pay->loop->log, move->parked ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                  move->parked ? "saga parked" : "saga ended");
        log_u64(&line, "saga", move->id);
        log_cstr(&line, "definition", row->def->key);
        log_cstr(&line, "state", saga_state_name(move->state));
        log_cstr(&line, "cause", move->cause);
        log_cstr(&line, "traceparent", row->trace);
        log_end(&line);
    }
    send_trace(pay, row, move);
    ticket_times_on_stored(&pay->ticket_times, row, move, clock_mono_us(pay->loop->clock));
    order_watches_on_stored(pay->watches, row, move);
}

/* ---- the tick ---- */

static void keep_lag(struct pay *pay, enum pay_lag lag, int64_t value)
{
    atomic_store_explicit(&pay->lags[lag], value > 0 ? (uint64_t)value : 0, memory_order_relaxed);
}

static void on_lags(void *ctx, const struct pg_answer *answer)
{
    struct pay *pay = ctx;
    uint64_t asked_us = pay->own->lags_asked_us;
    pay->own->lags_asked_us = 0;
    if (answer->rc < 0)
        return;
    const struct sql_lags_row row = sql_lags_row(answer->results[0], 0);
    atomic_store_explicit(&pay->db_clock_apart_ms,
                          clock_apart_ms(pay->loop->clock, asked_us, row.now_us),
                          memory_order_relaxed);
    keep_lag(pay, LAG_SHOP, row.shop);
    keep_lag(pay, LAG_SHOP_US, row.shop_us);
    keep_lag(pay, LAG_SHOP_PARKED, row.shop_parked);
    keep_lag(pay, LAG_MAIL, row.mail);
    keep_lag(pay, LAG_MAIL_US, row.mail_us);
    keep_lag(pay, LAG_SAGAS_PARKED, row.sagas_parked);
    keep_lag(pay, LAG_SAGAS_OPEN, row.sagas_open);
    keep_lag(pay, LAG_SAGAS_US, row.sagas_us);
}

/* A server that reports nothing leaves the figures as they are. */
static void on_server(void *ctx, const struct pg_answer *answer)
{
    struct pay *pay = ctx;
    if (answer->rc < 0)
        return;
    const struct sql_server_state_row row = sql_server_state_row(answer->results[0], 0);
    keep_lag(pay, LAG_ARCHIVE_FAILURES, (int64_t)row.failures);
    keep_lag(pay, LAG_ARCHIVE_MS, (int64_t)row.late_ms);
    keep_lag(pay, LAG_SNAPSHOT_MS, (int64_t)row.snapshot_ms);
}

static void ask_lags(struct pay *pay)
{
    if (pay->own->lags_asked_us != 0)
        return;
    pay->own->lags_asked_us = clock_mono_us(pay->loop->clock);
    sql_lags(pay->pg, on_lags, pay);
    sql_server_state(pay->pg, on_server, pay);
}

/* A refusal counts for a while only, since no later call may come to this process. */
static const char *refused_by_provider(const struct pay *pay)
{
    for (uint32_t i = 0; i < PSP_PROVIDERS; i++) {
        uint64_t at_us =
            atomic_load_explicit(&pay->common->caps->psp.seen[i].refused_us, memory_order_relaxed);
        if (at_us != 0 && clock_mono_us(pay->loop->clock) < at_us + REFUSED_KEPT_US)
            return "a payment provider refuses our key";
    }
    return NULL;
}

/* What a buyer needs of this process. */
static void set_ready(struct pay *pay)
{
    bool logs_in = pay->users == NULL || users_reached(pay->users);
    service_ready(pay->loop, "users", logs_in ? NULL : "the user database does not answer");
    service_ready(pay->loop, "provider", refused_by_provider(pay));
    service_ready(pay->loop, "database", pg_pool_ready(pay->pg) ? NULL : "no connection");
    service_ready(pay->loop, "passes",
                  jwks_feed_keys(pay->passes) != NULL ? NULL : "no keys of the waiting room yet");
}

static bool knows_time(void *ctx)
{
    const struct pay *pay = ctx;
    /* acquire: pairs with seats_clock_read() */
    return atomic_load_explicit(&pay->common->seats_clock.is_known, memory_order_acquire);
}

static void on_tick(uv_timer_t *timer)
{
    struct pay *pay = timer->data;
    pay->own->ticks++;
    set_ready(pay);
    order_watches_tick(pay->watches);
    outbox_tick(pay->shop);
    outbox_tick(pay->mails);
    if (pay->reconcile != NULL)
        reconcile_tick(pay->reconcile);
    order_series_tick(pay->own->series);
    if (pay->own->cancellations != NULL)
        cancellations_tick(pay->own->cancellations);
    if (pay->loop->index == 0 && pay->own->ticks % LAGS_EVERY == 1 && !knows_time(pay))
        seats_map_read(pay->seats_map, SPAN(""), NULL, NULL);
    if (pay->loop->index == 0 && pay->own->ticks % LAGS_EVERY == 0) {
        ask_lags(pay);
        worker_look_for_unknown(pay->worker);
    }
    if (pay->loop->index == 0 && pay->own->ticks % SWEEP_EVERY == 0)
        sql_session_sweep(pay->pg, pg_ignore, NULL);
}

/* ---- opening ---- */

static void put_secret(const struct secret_file *file, char *to)
{
    bool fits = file == NULL || span_to_cstr(secret_file_span(file), to, PAY_SECRET_MAX);
    assert(fits); /* secrets.c rejects longer ones */
    if (file == NULL)
        to[0] = '\0';
}

/* Written in place: borrowers copy them into each call. */
static void put_secrets(struct pay *pay)
{
    struct pay_own *own = pay->own;
    const struct secrets *keys = pay->secrets;
    put_secret(keys->service_token, own->service_token);
    put_secret(keys->seats_admin, own->seats_admin);
    put_secret(keys->shop_key, own->shop_key);
    put_secret(keys->mail_password, own->mail_password);
    for (uint32_t i = 0; i < PSP_PROVIDERS; i++) {
        put_secret(keys->psp_key[i], own->psp_key[i]);
        put_secret(keys->psp_webhook[i], own->psp_webhook[i]);
    }
}

static void open_psps(struct pay *pay)
{
    const struct settings *settings = pay->settings;
    struct pay_own *own = pay->own;
    for (uint32_t i = 0; i < PSP_PROVIDERS; i++) {
        if (settings->psp[i].url[0] == '\0')
            continue;
        struct psp *psp = &pay->psps[pay->psps_len++];
        psp->driver = psp_drivers[i];
        psp->place = i;
        psp->conf = (struct psp_conf){.api_url = settings->psp[i].url,
                                      .checkout_url = settings->psp[i].checkout_url,
                                      .key = own->psp_key[i],
                                      .webhook_secrets = own->psp_webhook[i],
                                      .return_url = own->return_url,
                                      .timeout_ms = (uint32_t)settings->psp_timeout_ms,
                                      .uv = pay->loop->uv,
                                      .outcalls = pay->outcalls,
                                      .clock = &pay->common->seats_clock.clock,
                                      .log = pay->loop->log,
                                      .shared = &pay->common->caps->psp};
    }
}

static int open_stores(struct pay *pay, struct err_slot *err)
{
    const struct settings *settings = pay->settings;
    struct service_loop *loop = pay->loop;
    struct pg_pool_conf pg = {
        .loop = loop->uv,
        .what = "own",
        .conninfo = settings->db_conninfo,
        .app = "payment-adapter",
        .setup = statements_setup,
        .connections = (uint32_t)settings->db_connections,
        .depth = 16,
        .queue_max = 4096,
        .deadline_ms = 10000,
        .wait_ms = 2000, /* after that a page should rather show an error */
        .statements = statements,
        .statements_len = SQL_STATEMENTS,
        .readers_len = SQL_READERS,
        .sharers_len = SQL_SHARERS,
        .clock = loop->clock,
        .rng = loop->rng,
        .log = loop->log,
    };
    int rc = pg_pool_create(&pg, err, &pay->pg);
    pg.what = "sagas";
    pg.app = "payment-adapter sagas";
    pg.connections = 2; /* one for commits, one for leases */
    if (rc == 0)
        rc = pg_pool_create(&pg, err, &pay->own->saga_pg);
    if (rc == 0 && settings->users_conninfo[0] != '\0')
        rc = users_create(loop->uv, settings, pay->pg, &pay->common->caps->questions, loop->clock,
                          loop->rng, loop->log, err, &pay->users);
    struct sessions_conf sessions = {pay->pg, settings->session_ttl_ms, loop->clock};
    if (rc == 0)
        rc = sessions_create(&sessions, err, &pay->sessions);
    return rc;
}

static int open_peers(struct pay *pay, struct err_slot *err)
{
    const struct settings *settings = pay->settings;
    struct service_loop *loop = pay->loop;
    struct pay_own *own = pay->own;
    snprintf(own->return_url, sizeof(own->return_url), "%s/pay/orders/", settings->public_url);
    snprintf(own->passes_url, sizeof(own->passes_url), "%s/.well-known/jwks.json",
             settings->queue_url);
    int rc = outcalls_create(loop->uv, settings->tls_ca, err, &pay->outcalls);
    if (rc < 0)
        return rc;
    open_psps(pay);
    const struct pace_reporter_conf reporter = {.loop = loop->uv,
                                                .pg = pay->pg,
                                                .pace = &pay->common->caps->psp.pace,
                                                .clock = loop->clock,
                                                .log = loop->log};
    rc = pace_reporter_create(&reporter, err, &pay->own->pace_reporter);
    if (rc < 0)
        return rc;
    struct jwks_feed_conf feed = {
        .whose = "the waiting room's",
        .url = own->passes_url,
        .refresh_ms = KEYS_REFRESH_MS,
        .doubt_ms = KEYS_DOUBT_MS,
        .ca_file = settings->tls_ca,
        .loop = loop->uv,
        .clock = loop->clock,
        .rng = loop->rng,
        .log = loop->log,
    };
    rc = jwks_feed_create(&feed, err, &pay->passes);
    feed.whose = "the shop's";
    feed.url = settings->sso_jwks_url;
    if (rc == 0 && settings->sso_jwks_url[0] != '\0')
        rc = jwks_feed_create(&feed, err, &pay->sso);
    const struct seats_map_conf seats = {
        .url = settings->seats_url,
        .internal_url = settings->seats_internal_url,
        .service_token = own->service_token,
        .clock = &pay->common->seats_clock,
        .outcalls = pay->outcalls,
    };
    if (rc == 0)
        rc = seats_map_create(&seats, err, &pay->seats_map);
    pay->peers = (struct peers_http){
        .seats_url = settings->seats_internal_url,
        .seats_map = pay->seats_map,
        .queue_url = settings->queue_internal_url,
        .service_token = own->service_token,
        .psps = pay->psps,
        .psps_len = pay->psps_len,
        .outcalls = pay->outcalls,
    };
    return rc;
}

/* A webhook that woke an order proves that webhooks arrive; trusted for this long. */
enum { WEBHOOKS_MS = 300000 };

static bool webhooks_come(void *ctx, const char *provider)
{
    const struct pay *pay = ctx;
    const struct psp *psp = peers_http_psp(&pay->peers, span_of(provider));
    if (psp == NULL)
        return false;
    uint64_t at_us =
        atomic_load_explicit(&pay->common->caps->psp.seen[psp->place].at_us, memory_order_relaxed);
    return at_us != 0 && clock_mono_us(pay->loop->clock) < at_us + WEBHOOKS_MS * UINT64_C(1000);
}

static uint32_t admit(void *ctx, uint8_t peer)
{
    static const enum pace_purpose purposes[PEER_COUNT] = {
        [PEER_PSP] = PACE_MAKE,
        [PEER_PSP_POLL] = PACE_POLL,
        [PEER_PSP_TAKE] = PACE_TAKE,
    };
    struct pay *pay = ctx;
    if (peer != PEER_PSP && peer != PEER_PSP_POLL && peer != PEER_PSP_TAKE)
        return 0;
    return pace_wait_ms(&pay->common->caps->psp.pace, purposes[peer],
                        clock_mono_us(pay->loop->clock));
}

static int open_letters(struct pay *pay, struct err_slot *err)
{
    const struct outbox_conf conf = {.pg = pay->pg,
                                     .users = pay->users,
                                     .outcalls = pay->outcalls,
                                     .settings = pay->settings,
                                     .site = pay->common->site,
                                     .shop_key = pay->own->shop_key,
                                     .mail_password = pay->own->mail_password,
                                     .shop_per_s = pay->secrets->knobs.shop_per_s,
                                     .clock = pay->loop->clock,
                                     .rng = pay->loop->rng,
                                     .log = pay->loop->log,
                                     .tracer = service_tracer(pay->loop->service)};
    int rc = outbox_create(&shop_letters, &conf, err, &pay->shop);
    return rc == 0 ? outbox_create(&mails, &conf, err, &pay->mails) : rc;
}

/* Opens what watches all orders together. */
static int open_watch(struct pay *pay, struct err_slot *err)
{
    const struct reconcile_conf reconcile = {.pg = pay->pg,
                                             .outcalls = pay->outcalls,
                                             .settings = pay->settings,
                                             .seats_map = pay->seats_map,
                                             .psps = pay->psps,
                                             .psps_len = pay->psps_len,
                                             .seats_token = pay->own->seats_admin,
                                             .shop_key = pay->own->shop_key,
                                             .instance = pay->common->instance,
                                             .shop_per_s = pay->secrets->knobs.shop_per_s,
                                             .clock = pay->loop->clock,
                                             .log = pay->loop->log};
    const struct order_series_conf series = {
        .pg = pay->pg,
        .log = pay->loop->log,
        .errors = &http_server_stats(pay->loop->server)->status[5],
        .unanswered = outbox_count(pay->shop, OUTBOX_LATER),
        .counts_sagas = pay->loop->index == 0,
    };
    int rc = pay->loop->index == 0 ? reconcile_create(&reconcile, err, &pay->reconcile) : 0;
    return rc == 0 ? order_series_create(&series, err, &pay->own->series) : rc;
}

/* Half of the provider's calls: captures of other events have the other half. */
static int open_cancellations(struct pay *pay, struct err_slot *err)
{
    uint32_t calls = 1;
    for (uint32_t i = 0; i < pay->psps_len; i++) {
        if (pay->psps[i].driver->refund_calls > calls)
            calls = pay->psps[i].driver->refund_calls;
    }
    uint32_t per_s = (uint32_t)pay->settings->psp_per_s / 2 / calls;
    const struct cancellations_conf conf = {.pg = pay->pg,
                                            .checkout = pay->checkout,
                                            .worker = pay->worker,
                                            .log = pay->loop->log,
                                            .per_s = per_s > 0 ? per_s : 1};
    return cancellations_create(&conf, err, &pay->own->cancellations);
}

static int open_sagas(struct pay *pay, struct err_slot *err)
{
    const struct settings *settings = pay->settings;
    struct service_loop *loop = pay->loop;
    struct checkout_conf checkout = {
        .peers = {start_peer, pay},
        .clock = &pay->common->seats_clock.clock,
        .rng = rng_system(), /* ticket ids must not be guessable */
        .signer = pay->secrets->signer,
        .poll_first_ms = (uint32_t)settings->poll_first_ms,
        .poll_cap_ms = (uint32_t)settings->poll_cap_ms,
        .poll_rare_ms = (uint32_t)settings->poll_rare_ms,
        .webhooks_come = webhooks_come,
        .knows_time = knows_time,
        .ctx = pay,
    };
    int rc = checkout_create(&checkout, err, &pay->checkout);
    if (rc < 0)
        return rc;
    snprintf(pay->own->owner, sizeof(pay->own->owner), "%u/%s", loop->index, pay->common->instance);
    uint32_t defs_len;
    struct worker_conf worker = {
        .loop = loop->uv,
        .pg = pay->own->saga_pg,
        .defs = checkout_defs(pay->checkout, &defs_len),
        .slots = (uint32_t)settings->saga_slots,
        .calls_max = (uint32_t)settings->saga_calls,
        .idle_ms = (uint32_t)settings->saga_idle_ms,
        .lease_ms = (uint32_t)settings->lease_ms,
        .owner = pay->own->owner,
        .clock = loop->clock,
        .rng = loop->rng,
        .log = loop->log,
        .crash_point = settings->halt_at != 0 ? &pay->own->crash_point : NULL,
        .admit = admit,
        .on_try = on_try,
        .on_stored = on_stored,
        .ctx = pay,
    };
    worker.defs_len = defs_len;
    pay->own->crash_point.at = settings->halt_at;
    const struct order_watches_conf watches = {
        .pg = pay->pg, .site = pay->common->site, .clock = loop->clock};
    const struct webhooks_conf webhooks = {.loop = loop->uv,
                                           .pg = pay->pg,
                                           .clock = loop->clock,
                                           .psp = &pay->common->caps->psp,
                                           .on_woken = on_woken,
                                           .ctx = pay};
    rc = order_watches_create(&watches, err, &pay->watches);
    if (rc == 0)
        rc = webhooks_create(&webhooks, err, &pay->webhooks);
    if (rc == 0)
        rc = open_letters(pay, err);
    if (rc == 0)
        rc = open_watch(pay, err);
    if (rc == 0)
        rc = worker_create(&worker, err, &pay->worker);
    if (rc == 0 && loop->index == 0)
        rc = open_cancellations(pay, err);
    return rc;
}

int pay_open(struct service_loop *loop, struct pay_common *common, struct err_slot *err,
             struct pay **out)
{
    struct pay *pay = calloc(1, sizeof(*pay));
    struct pay_own *own = calloc(1, sizeof(*own));
    if (pay == NULL || own == NULL) {
        free(pay);
        free(own);
        return err_set(err, ERR_NOMEM, "payment adapter");
    }
    tally_init(&pay->tokens_wrong);
    pay->loop = loop;
    pay->own = own;
    pay->settings = loop->config;
    pay->common = common;
    pay->secrets = secrets_take(&common->secrets);
    put_secrets(pay);
    uv_timer_init(loop->uv, &pay->own->timer);
    pay->own->timer.data = pay;
    int rc = open_stores(pay, err);
    if (rc == 0)
        rc = open_peers(pay, err);
    if (rc == 0)
        rc = open_sagas(pay, err);
    if (rc < 0) {
        pay_close(pay);
        return rc;
    }
    uv_timer_start(&pay->own->timer, on_tick, TICK_MS, TICK_MS);
    set_ready(pay);
    *out = pay;
    return 0;
}

void pay_use_keys(struct pay *pay)
{
    const struct secrets *before = pay->secrets;
    pay->secrets = secrets_take(&pay->common->secrets);
    put_secrets(pay);
    checkout_use_signer(pay->checkout, pay->secrets->signer);
    outbox_use_pace(pay->shop, pay->secrets->knobs.shop_per_s);
    if (pay->reconcile != NULL)
        reconcile_use_pace(pay->reconcile, pay->secrets->knobs.shop_per_s);
    secrets_let_go(before);
}

/* ---- ending ---- */

void pay_drain(struct pay *pay)
{
    worker_drain(pay->worker);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct pay *pay = handle->data;
    secrets_let_go(pay->secrets);
    sodium_memzero(pay->own, sizeof(*pay->own));
    free(pay->own);
    free(pay);
}

void pay_close(struct pay *pay)
{
    assert(!pay->closing);
    pay->closing = true;
    jwks_feed_close(pay->passes);
    jwks_feed_close(pay->sso);
    order_watches_close(pay->watches);
    webhooks_close(pay->webhooks);
    outbox_close(pay->shop);
    outbox_close(pay->mails);
    reconcile_close(pay->reconcile);
    cancellations_close(pay->own->cancellations);
    worker_close(pay->worker);
    pace_reporter_close(pay->own->pace_reporter);
    outcalls_close(pay->outcalls);
    users_close(pay->users);
    pg_pool_close(pay->own->saga_pg);
    pg_pool_close(pay->pg);
    order_series_destroy(pay->own->series);
    cancellations_destroy(pay->own->cancellations);
    sessions_destroy(pay->sessions);
    checkout_destroy(pay->checkout);
    seats_map_destroy(pay->seats_map);
    uv_close((uv_handle_t *)&pay->own->timer, on_timer_closed);
}

/* ---- work off the loop ---- */

static void on_pool(void *ctx)
{
    const struct pay_work *work = ctx;
    work->run(work->ctx);
}

/* relaxed, here and in on_run(): the limit only counts */
static bool take_place(struct pay_limit *limit)
{
    uint64_t used = atomic_load_explicit(&limit->used, memory_order_relaxed);
    do {
        if (used >= limit->max)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&limit->used, &used, used + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void on_run(void *ctx)
{
    const struct pay_work *work = ctx;
    atomic_fetch_sub_explicit(&work->limit->used, 1, memory_order_relaxed);
    work->then(work->ctx);
}

bool pay_work_begin(struct pay_work *work)
{
    struct pay_limit *limit = work->limit;
    if (limit == NULL) {
        work->run(work->ctx);
        work->then(work->ctx);
        return true;
    }
    if (!take_place(limit))
        return false;
    work->job =
        (struct service_job){.loop = work->loop, .run = on_pool, .then = on_run, .ctx = work};
    service_run(&work->job);
    return true;
}

/* ---- of the process ---- */

int pay_common_init(struct pay_common *common, const struct settings *settings,
                    struct err_slot *err)
{
    secrets_init(&common->secrets);
    seats_clock_init(&common->seats_clock, clock_system());
    common->caps = calloc(1, sizeof(*common->caps));
    common->paces = calloc(1, sizeof(*common->paces));
    if (common->caps == NULL || common->paces == NULL)
        return err_set(err, ERR_NOMEM, "the caps on logins and scanners");
    gate_set_init(&common->paces->scanners, DOOR_TOKEN_PER_S, DOOR_TOKEN_BURST);
    gate_set_init(&common->paces->addresses, DOOR_ADDRESS_PER_S, DOOR_ADDRESS_BURST);
    gate_set_init(&common->paces->members, TRANSFERS_PER_S, TRANSFERS_BURST);
    gate_set_init(&common->paces->hints, HINTS_PER_S, HINTS_BURST);
    users_cap_init(&common->caps->questions, (uint32_t)settings->users_queries_per_s);
    pace_init(&common->caps->psp.pace, (uint32_t)settings->psp_per_s);
    common->caps->hashing.max = (uint32_t)settings->hash_queue;
    common->caps->drawing.max = DRAWINGS_MAX;
    common->caps->listing.max = LISTINGS_MAX;
    common->caps->webhooks.max = WEBHOOKS_LONG_MAX;
    return 0;
}

void pay_common_deinit(struct pay_common *common)
{
    free(common->caps);
    free(common->paces);
    secrets_deinit(&common->secrets);
}
