/* front_life.c: a front from start to end: the store's pictures and the data made from them, the
 * timer, and the order of starting and stopping.
 *
 * Data flow: the store's tick replies call on_view() ten times a second. It reads the document if
 * its version is new, samples the meter, and updates the model of waits; from then on a poll costs
 * only arithmetic. The shared status is rendered (front_render.c) on request if it is a second old,
 * or at once when a state or a document has changed. Streams get it from the timer, at most once a
 * second.
 *
 * Invariant: an event that can be found has a picture, a document and a model, so handlers check
 * nothing.
 *
 * Threading: none. One loop owns all of it; the scrape reads atomics. */
#include "front/front_life.h"

#include "behind/endings.h"

#include "base/json_time.h"
#include "front/drawing.h"
#include "front/front_internal.h"
#include "front/member_keys.h"
#include "front/pilot.h"
#include "front/sale.h"
#include "front/scheduler.h"
#include "front/served.h"
#include "line/line_limits.h"
#include "system/system.h"

#include <assert.h>
#include <stdlib.h>

enum {
    PUBLISH_US = 1000000,
    TIMER_MS = SHED_TICK_MS,
    LOAD_US = 1000000,
};

static_assert((int)FRONT_EVENTS_MAX == (int)STORE_LINES_MAX, "each line of the store is shown");

/* ---- events ---- */

static uint64_t errors_now(const struct front *front)
{
    const struct http_stats *http = http_server_stats(front->loop->server);
    return atomic_load_explicit(&http->status[5], memory_order_relaxed); /* ours: any order */
}

static int event_create(struct front *front, const char *id, struct err_slot *err,
                        struct front_line **out)
{
    struct front_line *event = calloc(1, sizeof(*event));
    if (event == NULL)
        return err_set(err, ERR_NOMEM, "event of %zu bytes", sizeof(*event));
    bool fits = span_to_cstr(span_of(id), event->id, sizeof(event->id));
    assert(fits);
    event->id_len = (uint32_t)line_event_of(span_of(id)).len;
    event->whole_id_len = (uint32_t)strlen(event->id);
    struct text ticket = text_on(event->ticket_cookie, sizeof(event->ticket_cookie));
    struct text pass = text_on(event->pass_cookie, sizeof(event->pass_cookie));
    TEXT_LIT(&ticket, TICKET_COOKIE_PREFIX);
    TEXT_LIT(&pass, PASS_COOKIE_PREFIX);
    text_put(&ticket, front_line_id(event));
    text_put(&pass, front_line_id(event));
    assert(!ticket.overflown);
    assert(!pass.overflown);
    event->ticket_cookie_len = (uint32_t)ticket.len;
    event->pass_cookie_len = (uint32_t)pass.len;
    eta_meter_init(&event->meter);
    promise_init(&event->promises);
    event->errors_before = errors_now(front);
    event->fed_us = clock_wall_us(front->loop->clock);
    event_doc_init(line_event_of(front_line_id(event)), &event->doc);
    struct http_channel_conf conf = {.catch_up = NULL};
    int rc = http_channel_create(front->loop->server, &conf, err, &event->channel);
    if (rc < 0) {
        free(event);
        return err_wrap(err, "event %s", id);
    }
    *out = event;
    return 0;
}

static void show_figures(struct front *front, struct front_line *event, bool shown)
{
    if (shown && !event->figured)
        figures_begin_event(front, event);
    else if (!shown && event->figured)
        figures_end_event(front, event);
    event->figured = shown;
}

static void event_destroy(struct front *front, struct front_line *event)
{
    front->seen.event = NULL;
    show_figures(front, event, false);
    http_channel_close(event->channel);
    http_blob_unref(event->status);
    http_blob_unref(event->not_modified);
    http_blob_unref(event->frame);
    pilot_destroy(event);
    drawing_forget(event);
    for (unsigned i = 0; i < LANG_MAX; i++) {
        http_blob_unref(event->page[false][i].blob);
        http_blob_unref(event->page[true][i].blob);
    }
    free(event);
}

static void on_event(void *ctx, const char *id, bool here)
{
    struct front *front = MAGIC_OF(front, ctx);
    struct front_line *event = front_line_any(front, span_of(id));
    struct err_slot err;
    assert(!here || event == NULL);
    if (here) {
        int rc = front->events_len == FRONT_EVENTS_MAX
                     ? err_set(&err, ERR_FULL, "event %s is the %dth", id, FRONT_EVENTS_MAX + 1)
                     : event_create(front, id, &err, &event);
        if (rc == 0) {
            rc = front_line_add(front, event, &err);
            if (rc < 0)
                event_destroy(front, event);
        }
        if (rc < 0)
            log_failure(front->loop->log, "an event is not shown", &err);
    } else if (event != NULL) {
        front_line_remove(front, event);
        event_destroy(front, event);
    }
    front_show(&front->stats.events, front->events_len);
}

/* ---- pictures ---- */

/* The line itself continues: it uses the numbers stored next to the document. */
static void judge_event(struct front *front, struct front_line *event)
{
    enum front_shut before = event->shut;
    event->identity = identity_named(&front->keys->identities, event->view->identity);
    if (event->doc_fault.rule[0] != '\0')
        event->shut = FRONT_SHUT_DOCUMENT;
    else
        event->shut = event->identity != NULL ? FRONT_OPEN : FRONT_SHUT_IDENTITY;
    if (event->shut != before && front_is_shut(event)) {
        struct log_line line;
        log_begin(&line, front->loop->log, LOG_LEVEL_ERROR, "an event is shut here");
        log_cstr(&line, "event", event->id);
        log_cstr(&line, "why", front_shut_name(event->shut));
        if (event->shut == FRONT_SHUT_DOCUMENT) {
            log_cstr(&line, "pointer", event->doc_fault.pointer);
            log_cstr(&line, "rule", event->doc_fault.rule);
        } else {
            log_cstr(&line, "key", event->view->identity);
        }
        log_end(&line);
    }
}

static bool is_unread(const struct front_line *event)
{
    return event->view->version != event->doc_version ||
           event->view->doc_serial != event->doc_serial;
}

/* Without memory it stays unread, and the timer retries. */
static void read_document(struct front *front, struct front_line *event)
{
    const struct line_view *view = event->view;
    struct event_doc *doc = malloc(sizeof(*doc));
    int rc = ERR_NOMEM;
    event->doc_fault = (struct event_doc_fault){.rule = "no memory"};
    if (doc != NULL)
        rc = event_doc_load(view->doc, line_view_event(view), &event->doc_fault, doc);
    if (rc != ERR_NOMEM) {
        event->doc_version = view->version;
        event->doc_serial = view->doc_serial;
    }
    if (rc == 0) {
        event->doc = *doc;
        event->doc_fault.rule[0] = '\0';
        eta_meter_plan(&event->meter, doc->schedule, doc->schedule_len);
    }
    free(doc);
    judge_event(front, event);
    event->urgent = true;
}

static void renew_model(struct front *front, struct front_line *event)
{
    event->eta = eta_model(&event->meter, event->view, front_line_now_ms(front, event));
    event->eta.scale = promise_scale(&event->promises);
    eta_watch_observe(&event->watch, event->view, &event->eta);
}

static void on_view(void *ctx, const struct line_view *view)
{
    struct front *front = MAGIC_OF(front, ctx);
    struct front_line *event = front_line_any(front, span_of(view->id));
    if (event == NULL) /* over the limit, which was logged */
        return;
    bool first = event->view == NULL;
    event->view = view;
    if (first) {
        struct text scope = text_on(event->scope, sizeof(event->scope));
        text_put(&scope, front_line_id(event));
        if (view->tag != 0) {
            text_char(&scope, '#');
            text_str(&scope, view->incarnation);
        }
        assert(!scope.overflown);
        event->scope_len = (uint32_t)scope.len;
    }
    if (first || is_unread(event))
        read_document(front, event);
    event->urgent |= view->stale != event->was_stale;
    event->was_stale = view->stale;
    event->has_odds = odds_parse(span_of(view->odds), &event->odds);
    eta_meter_observe(&event->meter, view);
    renew_model(front, event);
    promise_observe(&event->promises, view, &event->eta);
    if (view->sums != NULL) {
        /* The counters that are summed over all fronts. */
        struct line_sums *sums = view->sums;
        *sums = event->promises.sums;
        sums->errors = errors_now(front) - event->errors_before;
        served_put(event);
    }
    show_figures(front, event, !view->resting);
    figures_show(event);
    front_check_waits(front);
}

/* The entry of an ended event in a list, apart from its id. */
static void on_describe(void *ctx, const struct line_view *view, struct text *card)
{
    struct front *front = MAGIC_OF(front, ctx);
    const struct front_line *event = front_line_any(front, span_of(view->id));
    struct front_sum sum = {.issued = view->issued, .admitted = view->admitted};
    if (event != NULL && event->view != NULL)
        sum = front_sum(front, event);
    json_open(card, '{');
    json_member_cstr(card, "name", event != NULL ? event->doc.name : "");
    json_member_u64(card, "version", view->version);
    json_member_time(card, "ended_at", view->redis_ms);
    json_member_u64(card, "issued", sum.issued);
    json_member_u64(card, "admitted", sum.admitted);
    json_close(card, '}');
}

/* ---- the timer ---- */

static void send_streams(struct front *front, struct front_line *event, uint64_t now_us)
{
    if (http_channel_streams(event->channel) == 0 || now_us - event->published_us < PUBLISH_US)
        return;
    front_render(front, event);
    if (!event->unsent || event->frame == NULL)
        return;
    http_channel_publish(event->channel, event->frame);
    event->published_us = now_us;
    event->unsent = false;
}

static void on_each_event(struct front_line *event, void *ctx)
{
    struct front *front = MAGIC_OF(front, ctx);
    if (is_unread(event))
        read_document(front, event);
    if (event->view->resting) {
        if (event->view->lane == 0) /* streams may have to show that it has ended */
            send_streams(front, event, clock_mono_us(front->loop->clock));
        return;
    }
    renew_model(front, event); /* the opening approaches even when nothing changes */
    if (event->view->lane > 0)
        return; /* the rest is done for its event */
    send_streams(front, event, clock_mono_us(front->loop->clock));
    front->shut_seen += front_is_shut(event);
    if (event->shut == FRONT_SHUT_DOCUMENT)
        return; /* default settings decide nothing */
    scheduler_look(front, event);
    pilot_look(front, event);
    drawing_look(front, event);
    sale_look(front, event);
}

static void on_timer(uv_timer_t *timer)
{
    struct front *front = MAGIC_OF(front, timer->data);
    uint64_t now_us = clock_mono_us(front->loop->clock);
    uint64_t took_us = now_us - front->load_at_us;
    if (took_us >= LOAD_US) {
        uint64_t cpu_us = system_thread_cpu_us();
        uint64_t load_milli = (cpu_us - front->load_cpu_us) * 1000 / took_us;
        front->load_milli = load_milli < 1000 ? (uint32_t)load_milli : 1000;
        front->load_at_us = now_us;
        front->load_cpu_us = cpu_us;
    }
    shed_tick(&front->shed, atomic_load_explicit(&front->stats.pending, memory_order_relaxed));
    front->complete |= line_store_ready(front->store);
    service_ready(front->loop, "redis",
                  line_store_ready(front->store) ? NULL : "redis does not answer, or heals");
    served_look(front);
    endings_look(front->endings);
    front->shut_seen = 0;
    front_each_event(front, on_each_event, front);
    front_show(&front->stats.events_shut, front->shut_seen);
    front_check_waits(front);
}

/* ---- a life ---- */

static struct redis_login login_of(const char *user, const struct secret_file *password)
{
    return (struct redis_login){
        .user = user[0] != '\0' ? user : NULL,
        .password = password != NULL ? secret_file_span(password) : (struct span){NULL, 0},
    };
}

static int open_store(struct front *front, struct err_slot *err)
{
    const struct front_config *config = front->config;
    const struct front_shared *shared = front->shared;
    bool sentinels = config->redis_sentinels[0] != '\0';
    bool cluster = config->redis_cluster[0] != '\0';
    bool by_path = config->redis_path[0] != '\0';
    bool by_host = !sentinels && !cluster && !by_path;
    struct line_store_conf conf = {
        .loop = front->loop->uv,
        .redis_path = by_path ? config->redis_path : NULL,
        .redis_host = by_host ? config->redis_host : NULL,
        .redis_sentinels = sentinels ? config->redis_sentinels : NULL,
        .redis_master = config->redis_master,
        .redis_cluster = cluster ? config->redis_cluster : NULL,
        .redis_port = (uint16_t)config->redis_port,
        .redis_tls = shared->redis_tls,
        .redis_login = login_of(config->redis_user, shared->redis_password),
        .sentinel_login = login_of(config->redis_sentinel_user, shared->sentinel_password),
        .tick_period_ms = (uint32_t)config->redis_tick_ms,
        .gone_after_ms = (uint32_t)config->line_gone_after_ms,
        .identity = front->keys->identities.key[0].name,
        .place = front->loop->index == 0 ? shared->place : NULL,
        .snapshot = shared->snapshot,
        .clock = front->loop->clock,
        .rng = front->loop->rng,
        .log = front->loop->log,
        .on_view = on_view,
        .on_event = on_event,
        .describe = on_describe,
        .ctx = front,
    };
    return line_store_create(&conf, err, &front->store);
}

static int open_pages(struct front *front, struct err_slot *err)
{
    const struct front_config *config = front->config;
    uv_loop_t *uv = front->loop->uv;
    int rc =
        page_list_open(&front->health, uv, config->autopilot_health, config->autopilot_tls_ca, err);
    if (rc == 0)
        rc = page_list_open(&front->served, uv, config->visits_served_by, config->visits_tls_ca,
                            err);
    if (rc == 0)
        rc = page_list_open(&front->relays, uv, config->beacon_drand, config->beacon_tls_ca, err);
    return rc;
}

static int open_endings(struct front *front, struct err_slot *err)
{
    const struct endings_conf conf = {
        .urls = front->config->visits_ended_at,
        .tls_ca = front->config->visits_tls_ca,
        .clock = front->loop->clock,
        .rng = front->loop->rng,
        .log = front->loop->log,
        .unreported = &front->stats.endings_unreported,
    };
    int rc = endings_create(front->loop->uv, &conf, err, &front->endings);
    if (rc == 0 && front->endings != NULL)
        endings_use_token(front->endings, secret_file_span(front->keys->visits));
    return rc;
}

static void on_keys(struct front_line *event, void *ctx)
{
    judge_event(ctx, event);
}

void front_use_keys(struct front *front)
{
    uv_mutex_lock(&front->shared->keys_lock);
    struct secrets *keys = secrets_ref(front->shared->keys);
    uv_mutex_unlock(&front->shared->keys_lock);
    struct secrets *before = front->keys;
    front->keys = keys;
    if (front->endings != NULL)
        endings_use_token(front->endings, secret_file_span(keys->visits));
    /* release: a reader of the serial may then report that this loop has these keys */
    atomic_store_explicit(&front->shared->keys_serial[front->loop->index], keys->serial,
                          memory_order_release);
    front->seen.event = NULL; /* it was verified with the old keys */
    if (front->store != NULL) {
        line_store_offer_identity(front->store, keys->identities.key[0].name);
        front_each_event(front, on_keys, front);
    }
    secrets_unref(before); /* last: events pointed to its keys until now */
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct front *front = MAGIC_OF(front, handle->data);
    assert(front->events_len == 0 && front->waits == NULL);
    MAGIC_END(front, front);
    squeezer_destroy(front->squeezer);
    secrets_unref(front->keys);
    free(front->sale);
    free(front);
}

void front_leave(struct front *front)
{
    line_store_leave(front->store);
}

void front_close(struct front *front)
{
    jwks_feed_close(front->member_keys);
    front->member_keys = NULL;
    front->closing = true;
    page_list_close(&front->health); /* answers refer to events */
    page_list_close(&front->served);
    sale_close(front->sale); /* acts that wait for it end */
    page_list_close(&front->relays);
    front_end_waits(front);         /* some of them call the store again */
    line_store_close(front->store); /* answers open requests; their handlers read the events */
    front_end_waits(front);
    endings_close(front->endings); /* the store's last answers may have ended visits */
    front->endings = NULL;
    while (front->events_len > 0)
        event_destroy(front, front->event[--front->events_len]);
    table_deinit(&front->by_id);
    uv_close((uv_handle_t *)&front->timer, on_timer_closed);
}

int front_create(struct service_loop *loop, struct front_shared *shared, struct err_slot *err,
                 struct front **out)
{
    struct front *front = calloc(1, sizeof(*front));
    if (front == NULL)
        return err_set(err, ERR_NOMEM, "front of %zu bytes", sizeof(*front));
    MAGIC_BEGIN(front, front);
    tally_init(&front->passes_wrong);
    tally_init(&front->tokens_wrong);
    tally_init(&front->codes_wrong);
    front->loop = loop;
    front->shared = shared;
    front->config = shared->config;
    shed_init(&front->shed, (uint32_t)shared->config->line_joins_waiting);
    front_use_keys(front);
    service_ready(loop, "redis", "not connected yet");
    int rc = squeezer_create(err, &front->squeezer);
    if (rc == 0)
        rc = open_store(front, err);
    if (rc < 0)
        goto free_front;
    uv_timer_init(loop->uv, &front->timer);
    front->timer.data = front;
    if (loop->index == 0)
        rc = open_pages(front, err);
    if (rc == 0)
        rc = sale_create(front, err);
    if (rc == 0)
        rc = open_endings(front, err);
    if (rc == 0)
        rc = member_keys_create(front, err);
    if (rc == 0)
        rc = figures_begin(front, err);
    if (rc < 0) {
        front_close(front); /* the loop frees its handles */
        return rc;
    }
    uv_timer_start(&front->timer, on_timer, TIMER_MS, TIMER_MS);
    front->load_at_us = clock_mono_us(loop->clock);
    front->load_cpu_us = system_thread_cpu_us();
    *out = front;
    return 0;

free_front:
    squeezer_destroy(front->squeezer);
    secrets_unref(front->keys);
    free(front);
    return rc;
}
