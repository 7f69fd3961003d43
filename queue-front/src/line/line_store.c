/* line_store.c: the events and their ticks. Requests, servers and commands are in line_calls.c, the
 * state of one event in line_event.c. lua/README.md describes how the line works.
 *
 * Ticks. Each event has its own timer with jitter, so that fronts drift apart, and so do the events
 * of a front. It fires whether or not the last call was answered; if not, it only checks whether
 * the picture has become stale. So at most one call per event is under way, and a slow Redis means
 * fewer ticks.
 *
 * Healing. A HEAL reply to any call turns the event's ticks into calls of heal.lua until that
 * reports the line complete. Meanwhile the picture is stale and requests for the event are refused.
 *
 * Invariants: `asking` is true from sending an event's call to its reply. Any callback into the
 * caller may close the store; after it only the store's memory can be relied on. */
#include "line/line_store_internal.h"

#include "base/tag.h"
#include "observe/log.h"
#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- small things ---- */

uint64_t store_now_us(const struct line_store *store)
{
    return clock_mono_us(store->conf.clock);
}

struct store_event *store_find(const struct line_store *store, struct span id)
{
    uint64_t hash = tag_hash(id);
    for (uint32_t i = 0; i < store->events_len; i++) {
        if (store->hashes[i] == hash && span_eq(id, span_of(store->events[i]->line.view.id)))
            return store->events[i];
    }
    return NULL;
}

bool line_store_ready(const struct line_store *store)
{
    if (!store->discovered)
        return false;
    for (uint32_t i = 0; i < store->events_len; i++) {
        const struct store_event *event = store->events[i];
        if (!event->absent && !event->leaving && !event->line.view.resting &&
            (event->healing || !event->line.filled || !event->line.ghosts.known ||
             !store_can_send(store, event->slot)))
            return false;
    }
    return true;
}

const char *line_store_trouble(const struct line_store *store)
{
    return store->trouble;
}

void store_note_ready(struct line_store *store)
{
    atomic_store_explicit(&store->stats.ready, line_store_ready(store), memory_order_relaxed);
}

const struct line_view *line_store_view(const struct line_store *store, struct span event)
{
    const struct store_event *found = store_find(store, event);
    return found != NULL && found->line.filled ? &found->line.view : NULL;
}

const struct line_store_stats *line_store_stats(const struct line_store *store)
{
    return &store->stats;
}

/* ---- callbacks ---- */

static void log_event(const struct store_event *event, enum log_level level, const char *msg)
{
    struct log_line line;
    log_begin(&line, event->store->conf.log, level, msg);
    log_cstr(&line, "event", event->line.view.id);
    log_u64(&line, "issued", event->line.marks.issued);
    log_u64(&line, "serving", event->line.marks.serving);
    log_u64(&line, "line_version", event->line.marks.version);
    log_end(&line);
}

static void show(struct store_event *event)
{
    assert(event->line.filled);
    struct line_store *store = event->store;
    event->shown_stale = event->line.view.stale;
    if (!store->closed)
        store->conf.on_view(store->conf.ctx, &event->line.view);
}

static void mark_stale(struct store_event *event)
{
    if (!event->line.filled || (event->line.view.stale && event->shown_stale))
        return;
    event->line.view.stale = true;
    show(event);
}

void line_store_look(struct line_store *store, const struct line_view *view, uint64_t now_us)
{
    if (view->stale || view->resting || !line_event_is_old(view, now_us))
        return;
    struct store_event *event = store_find(store, span_of(view->id));
    assert(event != NULL && &event->line.view == view);
    event->line.view.stale = true;
    store_tick_now(event); /* on_view() follows */
}

/* ---- ticks and healing ---- */

static void on_event_reply(struct redis_call *call, const redisReply *reply);
static void arm(struct store_event *event);

static void ask(struct store_event *event)
{
    struct line_store *store = event->store;
    struct text command;
    if (event->asking || event->leaving || !store_can_send(store, event->slot))
        return;
    event->unsure = event->healing && !registry_confirms(event);
    if (event->unsure) {
        /* Does the event still exist? */
        assert(event->healing);
        struct store_event *whole =
            store_find(event->store, line_event_of(span_of(event->line.view.id)));
        if (whole != NULL && whole->hold_us > 0)
            registry_report(whole, REPORT_LIST);
        registry_look(event->store);
        return;
    }
    if (event->healing) {
        uint32_t words = line_event_heal_words(&event->line);
        command = store_script(store, SCRIPT_HEAL, event->line.view.id, words);
        line_event_put_heal(&event->line, &command, span_of(store->name), store_now_us(store));
    } else {
        uint32_t more = 2 * event->line.early_len + line_event_pick_moves(&event->line);
        command = store_script(store, SCRIPT_TICK, event->line.view.id, ASK_TICK_WORDS + more);
        event->line.offer = store->identity;
        line_event_put_tick(&event->line, &command, store->conf.tick_period_ms / 2,
                            store_now_us(store));
    }
    event->asking = true;
    event->asked_us = store_now_us(store);
    event->asking_to_heal = event->healing; /* `healing` may change before the reply */
    store_send_own(store, &event->call, &command, on_event_reply);
}

void store_begin_healing(struct store_event *event)
{
    if (event->healing)
        return;
    event->healing = true;
    event->healing_us = store_now_us(event->store);
    event->line.view.resting = false;
    arm(event);
    if (event->line.filled)
        log_event(event, LOG_LEVEL_WARN, "Redis was restarted or knows less than this front");
    store_note_ready(event->store);
    mark_stale(event);
    ask(event);
}

static void open_lanes(struct store_event *event);

/* The id now belongs to another event; everything known here is about the previous one. */
static void forget(struct store_event *event)
{
    assert(!event->asking); /* a reply about the old line would be taken for the new one's */
    struct line_store *store = event->store;
    char id[LINE_ID_MAX + 1];
    memcpy(id, event->line.view.id, sizeof(id));
    if (event->line.filled) {
        log_event(event, LOG_LEVEL_INFO, "the event was made again");
        event->line.filled = false;
        store->conf.on_event(store->conf.ctx, id, false);
    }
    sharded_close(event);
    line_event_deinit(&event->line);
    line_event_init(&event->line, span_of(id));
    event->healing = false;
    store_tick_now(event);
}

void store_rest(struct store_event *event)
{
    bool ended = event->line.view.state == LINE_CLOSED && event->line.view.active == 0;
    if (event->named == NAMED_LIVE && ended && !event->healing)
        registry_report(event, REPORT_END);
    else if (event->touched)
        registry_report(event, REPORT_TOUCH);
    const struct store_event *whole =
        store_find(event->store, line_event_of(span_of(event->line.view.id)));
    bool is_known = whole != NULL && (whole->named == NAMED_RESTING || whole->hold_us > 0);
    if (!event->line.filled || event->healing || !ended || !is_known || event->touched)
        return; /* it may still change, or some fronts don't know yet that it has ended */
    uv_timer_stop(&event->timer);
    bool rested = event->line.view.resting;
    event->line.view.resting = true;
    event->line.view.stale = false;
    if (!rested)
        show(event); /* last: the store may be closed now */
}

static void take_tick(struct store_event *event, const redisReply *reply)
{
    struct line_store *store = event->store;
    bool first = !event->line.filled;
    enum line_tick tick =
        line_event_take_tick(&event->line, reply, event->asked_us, store_now_us(store));
    if (tick == LINE_TICK_HEAL) {
        store_begin_healing(event);
        return;
    }
    if (tick == LINE_TICK_RENEWED) {
        forget(event);
        return;
    }
    if (tick == LINE_TICK_NOT_YET)
        return;
    if (tick == LINE_TICK_BAD) {
        log_event(event, LOG_LEVEL_ERROR, "an answer of tick.lua cannot be read");
        return;
    }
    event->absent = false;
    event->doubted = false;
    if (event->line.moves_more || event->line.turns_more)
        store_tick_now(event);
    store_count(&store->stats.ticks, 1);
    store_note_ready(store);
    open_lanes(event);
    sharded_look(event);
    if (first)
        store->conf.on_event(store->conf.ctx, event->line.view.id, true);
    if (tick == LINE_TICK_CHANGED)
        show(event);
    if (!store->closed && event->line.view.state == LINE_CLOSED)
        store_rest(event);
}

static void take_heal(struct store_event *event, const redisReply *reply)
{
    assert(event->healing); /* only the healing reply ends it */
    struct line_store *store = event->store;
    struct reply_heal got = {.outcome = LINE_UNAVAILABLE};
    bool has_time = reply_heal_read(reply, 0, &got);
    if (got.outcome == LINE_RENEWED)
        forget(event);
    if (got.outcome == LINE_NOT_YET)
        line_event_wait(&event->line, store_now_us(store));
    if (got.outcome != LINE_OK && got.outcome != LINE_UNKNOWN)
        return;
    event->healing = false;
    line_event_doubt_document(&event->line);
    if (got.outcome == LINE_UNKNOWN) {
        event->absent = true;
        event->leaving = event->line.filled; /* deleted: the next registry read frees it */
        store_note_ready(store);
        return;
    }
    store_count(&store->stats.heals, 1);
    log_event(event, LOG_LEVEL_INFO, "the line is whole");
    seen_send_again(&event->line.seen); /* without delay */
    event->line.seen_due_us = 0;
    if (has_time)
        line_event_set_clock(&event->line, got.ms, store_now_us(store));
    ask(event);
}

static void on_event_reply(struct redis_call *call, const redisReply *reply)
{
    struct store_event *event = CONTAINER_OF(call, struct store_event, call);
    assert(event->asking);
    event->asking = false;
    enum line_script script = event->asking_to_heal ? SCRIPT_HEAL : SCRIPT_TICK;
    enum store_answer answer = store_judge(event->store, call, reply, script);
    if (answer == STORE_AGAIN)
        ask(event);
    else if (answer == STORE_ANSWER && script == SCRIPT_HEAL)
        take_heal(event, reply);
    else if (answer == STORE_ANSWER)
        take_tick(event, reply);
}

/* ---- signs of life ---- */

static void on_seen_reply(struct redis_call *call, const redisReply *reply);

static void send_seen(struct store_event *event, struct redis_call *call, bool leaves)
{
    assert(!event->healing); /* only a complete line gets marks */
    struct line_store *store = event->store;
    uint64_t gone_after_ms = store->conf.gone_after_ms;
    uint32_t more = line_event_pick_seen(&event->line, gone_after_ms, store_now_us(store));
    leaves = leaves && seen_all_sent(&event->line.seen);
    struct text command =
        store_script(store, SCRIPT_SEEN, event->line.view.id, ASK_SEEN_WORDS + more);
    line_event_put_seen(&event->line, &command, span_of(store->name), gone_after_ms, leaves);
    store_send_own(store, call, &command, call == &event->seen_call ? on_seen_reply : store_ignore);
}

static void report_seen(struct store_event *event)
{
    struct line_store *store = event->store;
    if (event->sending_seen || event->healing || event->leaving || event->line.view.resting ||
        !store_can_send(store, event->slot) ||
        !line_event_wants_seen(&event->line, store->conf.gone_after_ms, store_now_us(store)))
        return;
    event->sending_seen = true;
    send_seen(event, &event->seen_call, false);
}

static void on_seen_reply(struct redis_call *call, const redisReply *reply)
{
    struct store_event *event = CONTAINER_OF(call, struct store_event, seen_call);
    assert(event->sending_seen);
    event->sending_seen = false;
    enum store_answer answer = store_judge(event->store, call, reply, SCRIPT_SEEN);
    if (answer != STORE_AGAIN) /* or it was redirected, STORE_TRIES_MAX times at most */
        call->tries = 0;
    bool knows = line_event_take_seen(&event->line, answer == STORE_ANSWER ? reply : NULL);
    if (!knows)
        store_begin_healing(event);
    else if (answer == STORE_AGAIN || event->line.seen_hurry)
        report_seen(event);
}

void line_store_leave(struct line_store *store)
{
    for (uint32_t i = 0; i < store->events_len; i++) {
        store->events[i]->line.seen_hurry = true;
        report_seen(store->events[i]);
    }
}

uint64_t store_paced(const struct store_event *event, uint64_t period)
{
    assert(period > 0);
    uint64_t wanted = period * event->line.view.fronts / STORE_TICKERS;
    if (wanted < period)
        return period;
    return wanted < STORE_PERIODS_MAX * period ? wanted : STORE_PERIODS_MAX * period;
}

static void on_event_timer(uv_timer_t *timer);

static void arm(struct store_event *event)
{
    const struct line_view *view = &event->line.view;
    uint64_t period_ms = store_paced(event, event->store->conf.tick_period_ms);
    bool stands = view->active == 0 && (view->state == LINE_DRAFT || view->state == LINE_CLOSED);
    /* Events that cannot change by themselves need fewer ticks. */
    if (event->absent || (event->line.filled && !event->healing && stands))
        period_ms *= STORE_IDLE_FACTOR;
    uint64_t wait_ms = period_ms / 2 + rng_below(event->store->conf.rng, period_ms + 1);
    uv_timer_start(&event->timer, on_event_timer, wait_ms, 0);
}

static void on_event_timer(uv_timer_t *timer)
{
    struct store_event *event = MAGIC_OF(store_event, timer->data);
    assert(!event->store->closed);
    arm(event);
    if (!event->asking)
        event->call.tries = 0;
    ask(event);
    report_seen(event);
    const struct line_view *view = &event->line.view;
    if (!view->resting && (view->stale || line_event_is_old(view, store_now_us(event->store))))
        mark_stale(event); /* last: the store may be closed now */
}

void store_tick_now(struct store_event *event)
{
    if (!event->store->closed)
        uv_timer_start(&event->timer, on_event_timer, 0, 0);
}

/* ---- events ---- */

static struct store_event *make_event(struct line_store *store, struct span id)
{
    assert(!store->closed);
    assert(store->events_len < STORE_LINES_MAX);
    assert(store_find(store, id) == NULL);
    struct store_event *event = calloc(1, sizeof(*event));
    if (event == NULL) {
        store->registry.size = UINT64_MAX; /* re-read all names, including this one */
        return NULL;
    }
    MAGIC_BEGIN(store_event, event);
    line_event_init(&event->line, id);
    event->store = store;
    event->slot = store_slot(store, line_event_of(id));
    joins_queue_init(&event->joins, event);
    uv_timer_init(store->conf.loop, &event->timer);
    event->timer.data = event;
    store->handles++;
    store->hashes[store->events_len] = tag_hash(id);
    store->events[store->events_len++] = event;
    store_tick_now(event);
    return event;
}

struct store_event *store_event_of(struct line_store *store, struct span id)
{
    struct store_event *event = store_find(store, id);
    if (event != NULL || store->events_len == STORE_LINES_MAX || !line_event_id_ok(id))
        return event;
    return make_event(store, id);
}

/* The lanes of an event, which tick by themselves. A lane whose picture has another version ticks
 * at once, so that its joins are checked against the current event. */
static void open_lanes(struct store_event *event)
{
    struct line_store *store = event->store;
    const struct line_view *view = &event->line.view;
    unsigned lanes = view->lane == 0 ? line_lanes(view->knobs.shares) : 0;
    assert(lanes <= LANES_MAX); /* checked by read_document() */
    for (unsigned lane = 1; lane <= lanes && store->events_len < STORE_LINES_MAX; lane++) {
        char name[LINE_ID_MAX + 1];
        line_name(line_view_event(view), lane, name);
        struct store_event *line = store_find(store, span_of(name));
        if (line == NULL)
            make_event(store, span_of(name));
        else if (line->line.filled &&
                 (line->line.view.version != view->version || line->line.view.era != view->era))
            store_tick_now(line);
    }
}

/* ---- freeing events ---- */

static bool is_busy(const struct store_event *event)
{
    return event->asking || event->sending_seen || event->requests > 0 ||
           event->report != REPORT_NONE || joins_is_busy(&event->joins) || sharded_is_busy(event);
}

static void on_gone(uv_handle_t *handle)
{
    struct store_event *event = MAGIC_OF(store_event, handle->data);
    struct line_store *store = event->store;
    assert(!is_busy(event)); /* nothing under way points to it */
    assert(event->sharded == NULL);
    line_event_deinit(&event->line);
    MAGIC_END(store_event, event);
    free(event);
    store_release(store);
}

static void remove_event(struct line_store *store, uint32_t at)
{
    assert(at < store->events_len);
    assert(store->events[at]->leaving);
    struct store_event *event = store->events[at];
    store->events_len--;
    store->events[at] = store->events[store->events_len];
    store->hashes[at] = store->hashes[store->events_len];
    if (event->line.filled && event->named == NAMED_LIVE)
        store->registry.size = UINT64_MAX; /* re-read all names: it may exist again */
    if (event->line.filled)
        store->conf.on_event(store->conf.ctx, event->line.view.id, false);
    sharded_close(event);
    uv_close((uv_handle_t *)&event->timer, on_gone);
}

/* An event is freed with its lanes, lanes first. */
void store_let_go(struct line_store *store)
{
    for (uint32_t i = store->events_len; i > 0; i--) {
        struct store_event *event = store->events[i - 1];
        struct span whole_id = line_event_of(span_of(event->line.view.id));
        const struct store_event *whole = store_find(store, whole_id);
        event->leaving |= whole == NULL || whole->leaving;
    }
    for (int lanes = 1; lanes >= 0; lanes--) {
        for (uint32_t i = store->events_len; i > 0; i--) {
            struct store_event *event = store->events[i - 1];
            if (event->leaving && !is_busy(event) && (event->line.view.lane > 0) == (lanes > 0))
                remove_event(store, i - 1);
        }
    }
    store_note_ready(store);
}

/* As often as the event with the most loops allows, within the promised limits. */
static void on_discover_timer(uv_timer_t *timer)
{
    struct line_store *store = MAGIC_OF(line_store, timer->data);
    uint64_t period_ms = STORE_DISCOVER_MS;
    for (uint32_t i = 0; i < store->events_len; i++) {
        uint64_t paced_ms = store_paced(store->events[i], STORE_DISCOVER_MS);
        period_ms = paced_ms > period_ms ? paced_ms : period_ms;
    }
    uv_timer_set_repeat(timer,
                        period_ms < STORE_DISCOVER_MS_MAX ? period_ms : STORE_DISCOVER_MS_MAX);
    registry_look(store);
}

/* ---- servers ---- */

void store_node_ready(struct line_store *store, uint8_t node)
{
    assert(store->node[node].ready);
    if (!store->discovered)
        registry_look(store);
    for (uint32_t i = 0; i < store->events_len; i++) {
        struct store_event *event = store->events[i];
        if (event->line.view.resting || redis_route_node(store->route, event->slot) != node)
            continue;
        if (store->node[node].other_run) {
            event->doubted = true;
            line_event_doubt_document(&event->line);
        }
        store_tick_now(event);
    }
    store_note_ready(store);
}

void store_node_lost(struct line_store *store, uint8_t node)
{
    assert(!store->node[node].ready);
    if (node == store->look_call.node)
        store->discovered = false;
    store_note_ready(store);
}

static void on_turn(void *ctx)
{
    struct line_store *store = MAGIC_OF(line_store, ctx);
    joins_send_gathered(store);
    calls_answer_decided(store, STORE_ANSWERS_PER_TURN); /* last: the store may be closed now */
}

void line_store_offer_identity(struct line_store *store, const char *name)
{
    bool fits = span_to_cstr(span_of(name), store->identity, sizeof(store->identity));
    assert(fits);
}

/* ---- life ---- */

int line_store_create(const struct line_store_conf *conf, struct err_slot *err,
                      struct line_store **out)
{
    assert(conf->loop != NULL);
    assert(conf->clock != NULL);
    assert(conf->rng != NULL);
    assert(conf->on_view != NULL);
    assert(conf->on_event != NULL);
    assert(conf->describe != NULL);
    assert(conf->tick_period_ms > 0);
    assert(conf->gone_after_ms >= conf->tick_period_ms);
    struct line_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return err_set(err, ERR_NOMEM, "line store of %zu bytes", sizeof(*store));
    MAGIC_BEGIN(line_store, store);
    store->conf = *conf;
    struct text name = text_on(store->name, FRONT_NAME_LEN + 1);
    text_printf(&name, "%016" PRIx64, rng_u64(store->conf.rng));
    assert(name.len == FRONT_NAME_LEN);
    line_store_offer_identity(store, conf->identity != NULL ? conf->identity : "");

    store->set_slot = store_slot(store, SPAN(LINE_REGISTRY));

    struct redis_route_conf route = {
        .loop = conf->loop,
        .path = conf->redis_path,
        .host = conf->redis_host,
        .port = conf->redis_port,
        .sentinels = conf->redis_sentinels,
        .master = conf->redis_master,
        .cluster = conf->redis_cluster,
        .tls = conf->redis_tls,
        .login = conf->redis_login,
        .sentinel_login = conf->sentinel_login,
        .clock = conf->clock,
        .rng = conf->rng,
        .on_up = nodes_on_up,
        .on_down = nodes_on_down,
        .on_lost = nodes_on_lost,
        .on_turn = on_turn,
        .ctx = store,
    };
    int rc = redis_route_create(&route, err, &store->route);
    if (rc < 0) {
        free(store);
        return rc;
    }
    uv_timer_init(conf->loop, &store->discover_timer);
    store->discover_timer.data = store;
    uv_timer_init(conf->loop, &store->held_timer);
    store->held_timer.data = store;
    store->handles = 2;
    uv_timer_start(&store->discover_timer, on_discover_timer, STORE_DISCOVER_MS, STORE_DISCOVER_MS);
    *out = store;
    return 0;
}

void store_release(struct line_store *store)
{
    assert(store->handles > 0);
    if (--store->handles > 0)
        return;
    assert(store->closed);
    assert(store->requests == 0); /* all were answered */
    MAGIC_END(line_store, store);
    for (uint32_t i = 0; i < store->events_len; i++) {
        assert(!is_busy(store->events[i]));
        line_event_deinit(&store->events[i]->line);
        free(store->events[i]);
    }
    free(store);
}

static void on_event_closed(uv_handle_t *handle)
{
    store_release(MAGIC_OF(store_event, handle->data)->store);
}

static void on_timer_closed(uv_handle_t *handle)
{
    store_release(MAGIC_OF(line_store, handle->data));
}

void line_store_close(struct line_store *store)
{
    assert(!store->closed); /* a closed store sends nothing */
    /* Sends the last reports without waiting for replies. If they get lost, this front counts as
     * crashed. Calls already under way precede them on the same connection. */
    for (uint32_t i = 0; i < store->events_len; i++) {
        struct store_event *event = store->events[i];
        if ((event->line.seen_sent_ms == 0 && !event->sending_seen) || event->healing ||
            event->leaving || event->line.view.resting || !store_can_send(store, event->slot))
            continue;
        seen_sent(&event->line.seen, true);
        send_seen(event, &event->goodbye_call, true);
    }
    registry_leave(store);
    redis_route_flush(store->route);
    store->closed = true;
    uv_close((uv_handle_t *)&store->discover_timer, on_timer_closed);
    uv_close((uv_handle_t *)&store->held_timer, on_timer_closed);
    for (uint32_t i = 0; i < store->events_len; i++) {
        sharded_close(store->events[i]);
        uv_close((uv_handle_t *)&store->events[i]->timer, on_event_closed);
    }
    redis_route_close(store->route);
    registry_close(store);
    calls_refuse_gathered(store);
    assert(store->decided.head == NULL); /* no later turn would answer them */
    for (uint32_t i = 0; i < store->events_len; i++) {
        if (store->events[i]->line.filled)
            store->conf.on_event(store->conf.ctx, store->events[i]->line.view.id, false);
    }
}
