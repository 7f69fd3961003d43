/* line_registry.c: the registry of events in Redis (lua/registry.lua), and what is done about
 * events that have ended.
 *
 * The registry is read every STORE_DISCOVER_MS. Unless something changed, the reply is a few
 * numbers, so thousands of ended events cost nothing. After a change, it names all running events
 * and the newest resting ones.
 *
 * A known event that is no longer named was either deleted, and is freed, or Redis has forgotten it
 * and gets it again. It counts as deleted only if we have seen it there before, and this reply is
 * from the same run and history of Redis as the last one. Otherwise `list` checks the latest
 * deletions. No line is healed before that is clear (registry_confirms()): a front that was cut off
 * while an event was deleted would bring it back.
 *
 * An event rests once it is closed and nobody is inside. The first front to see that reports it
 * (`end`), and all fronts stop ticking it. It stays in memory, so that visitors can still be
 * answered, until it is swept or newer events need the room. After that an operator can load it for
 * a while (LINE_FIND).
 *
 * Chores (sweeping and erasing) are handed out by registry reads, one at a time, under a lease. If
 * a front dies during one, another takes it when the lease ends (lua/sweep.lua). */
#include "line/line_store_internal.h"

#include "queue-front/lua/line_wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void send_look(struct line_store *store);
static void send_report(struct store_event *event);
static void cleanup_step(struct line_store *store);

/* ---- reports about one event ---- */

static void on_report(struct redis_call *call, const redisReply *reply)
{
    struct store_event *event = CONTAINER_OF(call, struct store_event, report_call);
    struct line_store *store = event->store;
    enum registry_report report = event->report;
    assert(report != REPORT_NONE);
    struct reply_registry got;
    enum store_answer answer = store_judge(store, call, reply, SCRIPT_REGISTRY);
    if (answer == STORE_AGAIN) {
        send_report(event);
        return;
    }
    event->report = REPORT_NONE; /* if it failed, the next tick or registry read shows it */
    if (answer != STORE_ANSWER || !reply_registry_read(reply, 0, &got))
        return;
    enum line_outcome outcome = (enum line_outcome)got.outcome;
    bool looked_at = event->hold_us > store_now_us(store);
    if (report == REPORT_LIST && (outcome == LINE_OK || (outcome == LINE_SAME && looked_at))) {
        event->named = outcome == LINE_OK ? NAMED_LIVE : NAMED_RESTING;
        event->named_us = store_now_us(store);
        event->is_new = false;
    } else if (report == REPORT_LIST || outcome == LINE_GONE) {
        event->leaving = true; /* the next registry read frees it */
    } else if (report == REPORT_END && outcome == LINE_OK) {
        event->named = NAMED_RESTING;
        store_rest(event);
    } else if (report == REPORT_TOUCH && outcome == LINE_OK) {
        event->touched = false;
        store_rest(event);
    }
}

static void send_report(struct store_event *event)
{
    struct line_store *store = event->store;
    const struct line_view *view = &event->line.view;
    assert(event->report != REPORT_NONE);
    assert(view->lane == 0); /* the registry has no lanes */
    struct text command;
    if (event->report == REPORT_LIST) {
        const struct ask_registry_list ask = {SPAN("list"), span_of(view->id), event->is_new};
        command = store_registry_script(store, ASK_REGISTRY_LIST_WORDS);
        ask_registry_list_put(&command, &ask);
    } else {
        char memory[STORE_CARD_BYTES_MAX];
        struct text card = text_on(memory, sizeof(memory));
        store->conf.describe(store->conf.ctx, view, &card);
        const struct ask_registry_end ask = {
            .verb = event->report == REPORT_END ? SPAN("end") : SPAN("touch"),
            .id = span_of(view->id),
            .card = card.overflown ? SPAN("{}") : text_span(&card),
            .keep_ms = STORE_ENDED_KEEP_MS,
        };
        command = store_registry_script(store, ASK_REGISTRY_END_WORDS);
        ask_registry_end_put(&command, &ask);
    }
    store_send_own(store, &event->report_call, &command, on_report);
}

void registry_report(struct store_event *event, enum registry_report report)
{
    assert(report != REPORT_NONE);
    struct line_store *store = event->store;
    if (event->report != REPORT_NONE || event->line.view.lane > 0 || store->closed ||
        !store_can_send(store, store->set_slot))
        return;
    event->report = report;
    event->report_call.tries = 0;
    send_report(event);
}

/* ---- registry reads ---- */

bool registry_confirms(const struct store_event *event)
{
    const struct line_store *store = event->store;
    const struct store_event *whole =
        store_find(store, line_event_of(span_of(event->line.view.id)));
    if (whole == NULL || whole->leaving)
        return false;
    return whole->named != NAMED_NOT && whole->named_us >= event->healing_us;
}

static void name_event(struct store_event *event, enum registry_named named)
{
    assert(named != NAMED_NOT);
    if (event == NULL)
        return;
    if (named == NAMED_LIVE && event->line.view.resting) {
        /* It rests here but runs there: it was created again, or Redis has gone back in time. */
        struct line_store *store = event->store;
        for (uint32_t i = 0; i < store->events_len; i++) {
            struct store_event *line = store->events[i];
            struct span id = line_event_of(span_of(line->line.view.id));
            if (line->line.view.resting && span_eq(id, span_of(event->line.view.id)))
                store_tick_now(line);
        }
    }
    event->named = named;
    event->named_us = event->store->look_sent_us;
    event->leaving = false;
    event->is_new = false;
}

/* The event was not named: frees it, or lists it again. `sure`: nothing can have been lost since
 * the last read. */
static void miss(struct store_event *event, enum registry_named before, bool sure)
{
    assert(event->named == NAMED_NOT);
    assert(event->line.view.lane == 0);
    if (event->hold_us > store_now_us(event->store)) {
        if (before != NAMED_NOT && sure)
            registry_report(event, REPORT_LIST); /* swept but in use by an operator; or deleted */
        return;
    }
    if (event->line.filled && !(before != NAMED_NOT && sure) && !event->leaving)
        registry_report(event, REPORT_LIST);
    else if (!event->is_new || event->absent)
        event->leaving = true;
}

static void take_names(struct line_store *store, const redisReply *reply, bool sure)
{
    enum registry_named before[STORE_LINES_MAX];
    struct store_event *known[STORE_LINES_MAX];
    uint32_t known_len = store->events_len;
    struct reply_registry_names names;
    if (!reply_registry_names_read(reply, REPLY_REGISTRY_LOOK_WORDS, &names))
        return;
    for (uint32_t i = 0; i < known_len; i++) {
        known[i] = store->events[i];
        before[i] = known[i]->named;
        if (known[i]->named_us <= store->look_sent_us) /* named after the request was sent */
            known[i]->named = NAMED_NOT;
    }
    for (size_t i = 0; i < resp_len(names.live); i++) {
        struct span id;
        if (resp_get_str(names.live, i, &id))
            name_event(store_event_of(store, id), NAMED_LIVE);
    }
    const redisReply *resting = names.resting;
    for (size_t i = 0; i + 1 < resp_len(resting); i += 2) {
        struct span id;
        uint64_t n;
        if (!resp_get_str(resting, i, &id) || !resp_get_u64(resting, i + 1, &n))
            continue;
        struct store_event *event = store_event_of(store, id);
        name_event(event, NAMED_RESTING);
        if (event != NULL && event->touched_n < n) {
            event->touched_n = n;
            if (event->line.filled)
                store_tick_now(event); /* it was changed */
        }
    }
    assert(store->events_len >= known_len); /* events were only added, so `known` is valid */
    for (uint32_t i = 0; i < known_len; i++) {
        if (known[i]->named == NAMED_NOT && known[i]->line.view.lane == 0)
            miss(known[i], before[i], sure);
    }
}

const struct store_front *line_store_fronts(const struct line_store *store, unsigned *len)
{
    assert(store->fronts_len <= FRONTS_LISTED_MAX);
    *len = store->fronts_len;
    return store->fronts;
}

static void take_look(struct line_store *store, uint8_t node, const redisReply *reply)
{
    struct reply_registry_look got;
    if (!reply_registry_look_read(reply, 0, &got))
        return;
    struct registry_seen now = {.born = got.born, .n = got.n, .size = got.size};
    memcpy(now.run_id, store->node[node].run_id, sizeof(now.run_id));
    const struct registry_seen *seen = &store->registry;
    bool sure = strcmp(seen->run_id, now.run_id) == 0 && seen->born == now.born && seen->n <= now.n;
    store->registry = now;
    store->discovered = true;
    atomic_store_explicit(&store->stats.clock_apart_ms,
                          clock_apart_ms(store->conf.clock, store->look_sent_us, got.now_us),
                          memory_order_relaxed);
    const redisReply *fronts = got.fronts;
    store->fronts_len = 0;
    for (size_t i = 0; i + 1 < resp_len(fronts) && store->fronts_len < FRONTS_LISTED_MAX; i += 2) {
        struct store_front *front = &store->fronts[store->fronts_len];
        struct span place;
        if (resp_get_str(fronts, i, &place) && resp_get_u64(fronts, i + 1, &front->silent_ms) &&
            span_to_cstr(place, front->place, sizeof(front->place)))
            store->fronts_len++;
    }
    if (got.outcome == LINE_OK)
        take_names(store, reply, sure);
    for (uint32_t i = 0; got.outcome != LINE_OK && i < store->events_len; i++) {
        struct store_event *event = store->events[i]; /* only named events still exist */
        if (event->named != NAMED_NOT)
            event->named_us = store->look_sent_us;
        else if (event->line.view.lane == 0)
            miss(event, NAMED_NOT, true);
    }
    for (uint32_t i = 0; i < store->events_len; i++) {
        if (store->events[i]->unsure && registry_confirms(store->events[i]))
            store_tick_now(store->events[i]);
    }
    if (got.cleanup.len > 0 && got.cleanup.len <= CLEANUP_NAME_MAX && !store->cleanup.under_way) {
        assert(store->cleanup.audit == NULL);
        store->cleanup = (struct registry_cleanup){.under_way = true};
        memcpy(store->cleanup.name, got.cleanup.ptr, got.cleanup.len);
        cleanup_step(store);
    }
}

static void on_look(struct redis_call *call, const redisReply *reply)
{
    struct line_store *store = CONTAINER_OF(call, struct line_store, look_call);
    assert(store->looking);
    store->looking = false;
    if (reply == NULL || store->closed)
        return;
    enum store_answer answer = store_judge(store, call, reply, SCRIPT_REGISTRY);
    if (answer == STORE_AGAIN) {
        send_look(store);
        return;
    }
    if (answer != STORE_ANSWER)
        return;
    take_look(store, call->node, reply);
    store_note_ready(store);
    uint64_t now_us = store_now_us(store);
    for (uint32_t i = store->events_len; i > 0; i--) {
        struct store_event *event = store->events[i - 1];
        if (event->hold_us > 0 && event->hold_us <= now_us) {
            event->hold_us = 0;
            event->leaving |= event->named == NAMED_NOT && !event->is_new;
        }
    }
    store_let_go(store);
}

static void send_look(struct line_store *store)
{
    const struct registry_seen *seen = &store->registry;
    store->looking = true;
    store->look_sent_us = store_now_us(store);
    struct text command =
        store_registry_script(store, ASK_REGISTRY_LOOK_WORDS); /* determines the slot */
    bool same = strcmp(seen->run_id, store->node[store->way.node].run_id) == 0;
    const struct ask_registry_look ask = {
        .verb = SPAN("look"),
        .born = same ? seen->born : 0, /* another run: request everything, to compare */
        .n = seen->n,
        .size = seen->size,
        .rest = STORE_RESTING_MAX,
        .cleanups = !store->cleanup.under_way,
        .front = span_of(store->conf.place != NULL ? store->conf.place : ""),
    };
    ask_registry_look_put(&command, &ask);
    store_send_own(store, &store->look_call, &command, on_look);
}

void registry_leave(struct line_store *store)
{
    if (store->conf.place == NULL || !store_can_send(store, store->set_slot))
        return;
    struct text command = store_registry_script(store, ASK_REGISTRY_NAME_WORDS);
    assert(store->conf.place[0] != '\0' && strlen(store->conf.place) <= STORE_PLACE_MAX);
    const struct ask_registry_name ask = {SPAN("leave"), span_of(store->conf.place)};
    ask_registry_name_put(&command, &ask);
    store_send_own(store, &store->leave_call, &command, store_ignore);
}

void registry_look(struct line_store *store)
{
    if (store->looking || store->closed || !store_can_send(store, store->set_slot))
        return;
    store->look_call.tries = 0;
    send_look(store);
}

/* ---- cleanups ---- */

static bool cleanup_erases(const struct registry_cleanup *cleanup)
{
    return span_starts(span_of(cleanup->name), SPAN("erase:"));
}

static const char *cleanup_event(const struct registry_cleanup *cleanup)
{
    const char *colon = strchr(cleanup->name, ':');
    assert(colon != NULL); /* checked by cleanup_step() */
    return colon + 1;
}

static void on_cleanup(struct redis_call *call, const redisReply *reply);

static void cleanup_end(struct line_store *store)
{
    free(store->cleanup.audit);
    store->cleanup = (struct registry_cleanup){0};
}

/* A sharded event has all shards cleared first: the rest of the event has their number. */
static bool cleanup_is_in_shard(const struct registry_cleanup *cleanup)
{
    return cleanup->at > 0 && cleanup->shard < cleanup->shards;
}

static void cleanup_send(struct line_store *store)
{
    struct registry_cleanup *cleanup = &store->cleanup;
    assert(cleanup->under_way);
    assert(cleanup->step != CLEANUP_DROP || cleanup->audit != NULL);
    bool bites = cleanup->step == CLEANUP_BITE, in_shard = cleanup_is_in_shard(cleanup);
    const char *id = bites || cleanup->step == CLEANUP_DROP ? cleanup_event(cleanup) : "";
    unsigned shard = (unsigned)cleanup->shard;
    uint16_t slot = !bites     ? store->set_slot
                    : in_shard ? store_shard_slot(store, id, shard)
                               : store_slot(store, span_of(id));
    if (!store_can_send(store, slot)) {
        cleanup_end(store); /* its lease ends; another front starts over */
        return;
    }
    struct text command;
    if (bites) {
        const struct ask_sweep ask = {
            .what = !cleanup_erases(cleanup) ? SPAN("sweep")
                    : in_shard               ? SPAN("shard")
                                             : SPAN("erase"),
            .at = in_shard ? cleanup->shard_at : cleanup->at,
        };
        command = in_shard ? store_shard_script(store, SCRIPT_SWEEP, id, shard, ASK_SWEEP_WORDS)
                           : store_script(store, SCRIPT_SWEEP, id, ASK_SWEEP_WORDS);
        ask_sweep_put(&command, &ask);
    } else if (cleanup->step == CLEANUP_DROP) {
        const struct ask_registry_drop ask = {SPAN("drop"), span_of(id), span_of(cleanup->audit)};
        command = store_registry_script(store, ASK_REGISTRY_DROP_WORDS);
        ask_registry_drop_put(&command, &ask);
    } else {
        const struct ask_registry_name ask = {SPAN("done"), span_of(cleanup->name)};
        command = store_registry_script(store, ASK_REGISTRY_NAME_WORDS);
        ask_registry_name_put(&command, &ask);
    }
    store_send_own(store, &cleanup->call, &command, on_cleanup);
}

static void cleanup_step(struct line_store *store)
{
    bool valid = strchr(store->cleanup.name, ':') != NULL &&
                 line_event_id_ok(span_of(cleanup_event(&store->cleanup)));
    if (!valid)
        store->cleanup.step = CLEANUP_DONE; /* an unknown kind of cleanup */
    store->cleanup.call.tries = 0;
    cleanup_send(store);
}

/* One step was done. The first step of a deletion brings the audit entry; right after it the
 * registry forgets the event. */
static void take_bite(struct registry_cleanup *cleanup, const redisReply *reply)
{
    struct reply_sweep got = {.at = 0};
    bool is_done = reply_sweep_read(reply, 0, &got) && got.outcome == LINE_OK;
    if (cleanup_is_in_shard(cleanup)) {
        /* A shard that was never opened, or does not know that the event is closed, refuses it. */
        assert(cleanup->shard < cleanup->shards);
        bool goes_on = is_done && got.at > cleanup->shard_at;
        cleanup->shard_at = goes_on ? got.at : 0;
        cleanup->shard += !goes_on;
        return;
    }
    if (!is_done) {
        cleanup->step = CLEANUP_DONE;
        return;
    }
    bool first = cleanup->at == 0;
    assert(!first || cleanup->audit == NULL); /* the audit entry comes once */
    cleanup->at = got.at;
    if (first)
        cleanup->shards = got.shards > 1 ? got.shards : 0;
    if (got.at == 0)
        cleanup->step = CLEANUP_DONE;
    else if (first && cleanup_erases(cleanup)) {
        cleanup->audit = strndup(got.audit.ptr, got.audit.len);
        cleanup->step = CLEANUP_DROP;
    }
}

static void on_cleanup(struct redis_call *call, const redisReply *reply)
{
    struct line_store *store = CONTAINER_OF(call, struct line_store, cleanup.call);
    struct registry_cleanup *cleanup = &store->cleanup;
    assert(cleanup->under_way);
    enum line_script script = cleanup->step == CLEANUP_BITE ? SCRIPT_SWEEP : SCRIPT_REGISTRY;
    enum store_answer answer = store_judge(store, call, reply, script);
    struct reply_registry got; /* common head of all replies */
    if (answer == STORE_AGAIN && !store->closed) {
        cleanup_send(store);
    } else if (answer != STORE_ANSWER || store->closed || !reply_registry_read(reply, 0, &got)) {
        cleanup_end(store);
    } else if (cleanup->step == CLEANUP_DONE) {
        cleanup_end(store);
        registry_look(store); /* there may be more cleanups */
    } else {
        if (cleanup->step == CLEANUP_BITE)
            take_bite(cleanup, reply);
        else
            cleanup->step = CLEANUP_BITE;
        /* Without memory for the audit entry the lease ends, and another front starts over. */
        if (cleanup->step == CLEANUP_DROP && cleanup->audit == NULL)
            cleanup_end(store);
        else
            cleanup_step(store);
    }
}

void registry_close(struct line_store *store)
{
    assert(store->closed);
    cleanup_end(store);
}
