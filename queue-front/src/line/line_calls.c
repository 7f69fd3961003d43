/* line_calls.c: commands to the servers: the life of a request (begun, admitted to its event,
 * decided or sent, finished), the commands, the replies, and servers that come and go.
 *
 * A request is the caller's memory, so nothing is allocated for it; lists use its `store` part.
 * Each is answered exactly once and never from within the call. Requests that can be decided at
 * once (unknown event, no connection, too many) go on the decided list, like the joins of a batch.
 * The end of a turn answers some of them, so that polls are read and answered in between.
 *
 * Order. Redis works in the order in which commands are sent, so priorities are set here. A visit
 * (line_visits.c) is written to the connection at once; joins (line_joins.c) gather and are written
 * at the end of the turn. So a pass that was read behind a crowd of joins overtakes them. (`me`
 * needs no Redis and is answered when it is read. Under overload joins are refused long before
 * visits are, see core/load/shed.h.)
 *
 * Retries. Redis may have executed a command that it did not answer, so a failed request is
 * LINE_UNAVAILABLE and never retried here, except if the reply says that nothing ran: after
 * NOSCRIPT the request is sent with the script's text in it; after MOVED or ASK it goes to another
 * server.
 *
 * A server is ready once its scripts are loaded and its run id is known, which one pipeline does.
 * The run id goes with every script call: counters from another run cannot be trusted, and the
 * script says so.
 *
 * In a cluster a script call names a second key, which never exists. While a slot moves, some of
 * its keys are on each server, and a script could be half done when it meets a missing key. Redis
 * checks only the keys that a call names; if one of two is missing, it refuses the whole call
 * (TRYAGAIN) until the slot has moved. So the event pauses for that long, and is answered from
 * memory. */
#include "line/line_store_internal.h"

#include "base/prefetch.h"
#include "observe/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- requests ---- */

void calls_push(struct request_list *list, struct line_link *link)
{
    assert((list->head == NULL) == (list->len == 0));
    assert((list->tail == NULL) == (list->len == 0));
    assert(list->tail == NULL || list->tail->next == NULL); /* no request is in two lists */
    link->next = NULL;
    if (list->tail != NULL)
        list->tail->next = link;
    else
        list->head = link;
    list->tail = link;
    list->len++;
}

struct line_link *calls_pop(struct request_list *list)
{
    struct line_link *link = list->head;
    assert(link != NULL);
    assert(list->len > 0);
    list->head = link->next;
    if (list->head == NULL)
        list->tail = NULL;
    list->len--;
    assert((list->head == NULL) == (list->len == 0));
    return link;
}

void calls_put_before(struct request_list *list, struct request_list *first)
{
    assert(list != first);
    if (first->head == NULL)
        return;
    assert(first->tail->next == NULL);
    first->tail->next = list->head;
    list->tail = list->tail != NULL ? list->tail : first->tail;
    list->head = first->head;
    list->len += first->len;
    *first = (struct request_list){NULL, NULL, 0};
}

void calls_finish(struct line_link *link)
{
    assert(link->store->requests > 0);
    link->store->requests--;
    if (link->event != NULL) {
        assert(link->event->store == link->store);
        assert(link->event->requests > 0);
        link->event->requests--;
        link->event = NULL;
    }
    link->finish(link); /* last: the store may be closed now */
}

static void set_outcome(struct line_link *link, enum line_outcome outcome)
{
    assert(outcome < LINE_OUTCOME_COUNT);
    assert(outcome != LINE_OK); /* a refusal carries no result */
    *link->outcome = outcome;
    if (link->retry_after_ms != NULL)
        *link->retry_after_ms = STORE_RETRY_MS;
}

/* Answered at the end of the turn. */
void calls_refuse(struct line_link *link, enum line_outcome outcome)
{
    assert(link->store->requests > 0); /* otherwise it has been answered */
    set_outcome(link, outcome);
    calls_push(&link->store->decided, link);
    redis_route_wake(link->store->route);
}

void calls_finish_unknown(struct line_link *link)
{
    set_outcome(link, LINE_UNAVAILABLE);
    calls_finish(link);
}

void calls_finish_refused(struct line_link *link, struct store_event *event,
                          const redisReply *reply)
{
    assert(event != NULL);
    assert(link->event == event); /* so the event has not been freed */
    uint64_t outcome = LINE_UNKNOWN;
    resp_get_u64(reply, 0, &outcome);
    if (outcome == LINE_UNAVAILABLE)
        store_begin_healing(event);
    if (outcome != LINE_RENEWED) {
        calls_finish_unknown(link);
        return;
    }
    store_tick_now(event);
    set_outcome(link, LINE_RENEWED);
    calls_finish(link);
}

void calls_answer_decided(struct line_store *store, uint32_t most)
{
    assert(store->decided.len <= store->requests);
    /* Requests decided meanwhile wait for the next turn. A closing store has answered all. */
    uint32_t left = store->decided.len < most ? store->decided.len : most;
    for (; left > 0 && store->decided.head != NULL; left--) {
        struct line_link *link = calls_pop(&store->decided);
        if (store->decided.head != NULL)
            prefetch(store->decided.head, LINE_NEAR_BYTES);
        calls_finish(link);
    }
    if (store->decided.head != NULL)
        redis_route_wake(store->route);
}

void calls_refuse_gathered(struct line_store *store)
{
    assert(store->closed); /* otherwise its handlers would send more */
    calls_answer_decided(store, UINT32_MAX);
    for (uint32_t i = 0; i < store->events_len; i++) {
        struct request_list *gathered = &store->events[i]->joins.gathered;
        while (gathered->head != NULL)
            calls_finish_unknown(calls_pop(gathered));
    }
}

void calls_begin(struct line_store *store, struct line_link *link,
                 void (*finish)(struct line_link *), enum line_outcome *outcome,
                 uint64_t *retry_after_ms)
{
    assert(!store->closed);
    assert(finish != NULL);
    *link = (struct line_link){
        .store = store, .finish = finish, .outcome = outcome, .retry_after_ms = retry_after_ms};
    link->call.deadline_us = store_now_us(store) + STORE_DEADLINE_MS * 1000;
    store->requests++;
}

/* The event of a request, or NULL if the request was refused. */
struct store_event *calls_admit(struct line_link *link, const char *id)
{
    struct line_store *store = link->store;
    struct store_event *event = store_find(store, span_of(id));
    assert(link->event == NULL); /* admitted once */
    /* While the registry cannot be read, an unknown event may be one that we have not seen yet. */
    bool gone = event == NULL || event->absent || event->leaving;
    if (store->discovered && gone) {
        calls_refuse(link, LINE_UNKNOWN);
    } else if (gone || event->healing || !store_can_send(store, event->slot) ||
               store->requests > STORE_REQUESTS_MAX) {
        calls_refuse(link, LINE_UNAVAILABLE);
    } else {
        link->event = event;
        event->requests++;
        return event;
    }
    return NULL;
}

bool calls_is_renewed(const redisReply *reply)
{
    uint64_t outcome;
    return resp_get_u64(reply, 0, &outcome) && outcome == LINE_RENEWED;
}

struct span calls_address(const uint8_t addr[16])
{
    static const uint8_t v4_prefix[12] = {[10] = 0xFF, [11] = 0xFF};
    bool is_v4 = memcmp(addr, v4_prefix, sizeof(v4_prefix)) == 0;
    return (struct span){(const char *)addr + (is_v4 ? 12 : 0), is_v4 ? 4 : 8};
}

/* ---- routing ---- */

uint16_t store_slot(const struct line_store *store, struct span tag)
{
    assert(tag.len > 0);
    return store->conf.redis_cluster != NULL ? redis_slot(tag) : 0;
}

static struct redis_detour find_way(const struct line_store *store, uint16_t slot)
{
    const struct redis_detour *detour = &store->detour;
    if (store->detoured && detour->slot == slot)
        return *detour;
    return (struct redis_detour){slot, redis_route_node(store->route, slot), false};
}

bool store_can_send(const struct line_store *store, uint16_t slot)
{
    struct redis_detour way = find_way(store, slot);
    return !store->closed && way.node != REDIS_NOBODY && store->node[way.node].ready;
}

/* ---- commands ---- */

/* infra/wire.js joins the files of each script in wire.list into a C string, so that no path is
 * needed at run time and program and scripts always have the same version. */
static const struct {
    const char *name;
    struct span text;
} scripts[SCRIPT_COUNT] = {
#define SCRIPT_OF(id, name, text) [SCRIPT_##id] = {name, {text, sizeof(text) - 1}},
#include "queue-front/lua/line_scripts.inc"
#undef SCRIPT_OF
};

struct text store_command(struct line_store *store, uint16_t slot, uint64_t words)
{
    assert(!store->closed);
    assert(words > 0);
    /* A detour applies to one command. */
    store->way = find_way(store, slot);
    store->detoured = false;
    assert(store->way.node < REDIS_NODES_MAX);
    struct text command = text_on(store->command, sizeof(store->command));
    resp_begin(&command, words);
    return command;
}

/* "fg:{ID}:NAME" */
void store_put_key(struct text *command, const char *id, const char *name)
{
    char memory[LINE_ID_MAX + 24];
    struct text key = text_on(memory, sizeof(memory));
    struct span event = line_event_of(span_of(id));
    TEXT_LIT(&key, "fg:{");
    text_put(&key, event);
    TEXT_LIT(&key, "}:");
    if (id[event.len] != '\0') { /* "fg:{show}:@1:cfg" */
        text_str(&key, id + event.len);
        text_char(&key, ':');
    }
    text_str(&key, name);
    assert(!key.overflown);
    resp_word(command, text_span(&key));
}

/* The server's run id, and the event's incarnation known here. */
static void put_known(struct text *command, const struct store_node *node,
                      const struct store_event *event)
{
    if (event == NULL || !event->line.filled) {
        resp_cstr(command, node->run_id);
        return;
    }
    char memory[REDIS_RUN_ID_LEN + 24 + LINE_INCARNATION_LEN];
    struct text known = text_on(memory, sizeof(memory));
    text_str(&known, node->run_id);
    text_char(&known, '@'); /* the event's clock is at least here */
    text_u64(&known, line_event_now_ms(&event->line, store_now_us(node->store)));
    text_char(&known, ':');
    text_str(&known, event->line.view.incarnation);
    assert(!known.overflown);
    resp_word(command, text_span(&known));
}

/* Up to the number of keys; the keys and the run id come next. */
static struct text begin_script(struct line_store *store, enum line_script script, uint16_t slot,
                                uint64_t args)
{
    assert(script < SCRIPT_COUNT);
    assert(scripts[script].text.len > 0);
    bool cluster = store->conf.redis_cluster != NULL;
    struct text command = store_command(store, slot, (cluster ? 6 : 5) + args);
    const struct store_node *node = &store->node[store->way.node];
    if (node->loaded[script]) {
        resp_cstr(&command, "EVALSHA");
        resp_cstr(&command, node->sha[script]);
    } else {
        /* Redis lost it (SCRIPT FLUSH, or another server took over); EVAL loads it again. */
        resp_cstr(&command, "EVAL");
        resp_word(&command, scripts[script].text);
    }
    resp_cstr(&command, cluster ? "2" : "1");
    return command;
}

static void put_keys(struct line_store *store, struct text *command, const char *id)
{
    store_put_key(command, id, LINE_KEY_CFG);
    if (store->conf.redis_cluster != NULL)
        store_put_key(command, id, LINE_KEY_NEVER);
}

struct text store_script(struct line_store *store, enum line_script script, const char *id,
                         uint64_t args)
{
    uint16_t slot = store_slot(store, line_event_of(span_of(id)));
    struct text command = begin_script(store, script, slot, args);
    put_keys(store, &command, id);
    put_known(&command, &store->node[store->way.node], store_find(store, span_of(id)));
    return command;
}

uint16_t store_shard_slot(const struct line_store *store, const char *id, unsigned shard)
{
    char name[LINE_SHARD_NAME_MAX + 1];
    line_shard_name(line_event_of(span_of(id)), shard, name);
    return store_slot(store, span_of(name));
}

struct text store_shard_script(struct line_store *store, enum line_script script, const char *id,
                               unsigned shard, uint64_t args)
{
    char name[LINE_SHARD_NAME_MAX + 3];
    /* "show:3", and "show:3@1" for a lane, whose keys share the general line's slot. */
    struct span event = line_event_of(span_of(id));
    line_shard_name(event, shard, name);
    size_t len = strlen(name), lane_len = strlen(id) - event.len;
    assert(lane_len <= 2);
    memcpy(name + len, id + event.len, lane_len + 1);
    struct text command = begin_script(store, script, store_shard_slot(store, id, shard), args);
    put_keys(store, &command, name);
    put_known(&command, &store->node[store->way.node], store_find(store, span_of(id)));
    return command;
}

struct text store_registry_script(struct line_store *store, uint64_t args)
{
    struct text command = begin_script(store, SCRIPT_REGISTRY, store->set_slot, args);
    resp_cstr(&command, LINE_REGISTRY);
    if (store->conf.redis_cluster != NULL)
        resp_cstr(&command, "{" LINE_REGISTRY "}:" LINE_KEY_NEVER);
    resp_cstr(&command, store->node[store->way.node].run_id);
    return command;
}

void store_send(struct line_store *store, struct redis_call *call, const struct text *command)
{
    assert(!command->overflown); /* line_limits.h bounds the parts of a command */
    assert(call->on_reply != NULL);
    assert(call->deadline_us > 0); /* every call has a deadline */
    store_count(&store->stats.calls, 1);
    call->slot = store->way.slot;
    redis_route_send(store->route, store->way.node, store->way.asking, call, text_span(command));
}

void store_send_own(struct line_store *store, struct redis_call *call, const struct text *command,
                    void (*on_reply)(struct redis_call *, const redisReply *))
{
    call->on_reply = on_reply;
    call->deadline_us = store_now_us(store) + STORE_DEADLINE_MS * 1000;
    store_send(store, call, command);
}

/* ---- replies ---- */

void store_ignore(struct redis_call *call, const redisReply *reply)
{
    (void)call;
    (void)reply;
}

bool nodes_follow(struct line_store *store, struct redis_call *call, const redisReply *reply)
{
    if (store->closed || !redis_route_follow(store->route, call->node, reply, &store->detour))
        return false;
    store_count(&store->stats.redirects, 1);
    store->detoured = store->node[store->detour.node].ready && ++call->tries < STORE_TRIES_MAX;
    return store->detoured;
}

enum store_answer store_judge(struct line_store *store, struct redis_call *call,
                              const redisReply *reply, enum line_script script)
{
    if (reply == NULL)
        return STORE_LOST;
    assert(call->node < REDIS_NODES_MAX);
    assert(script < SCRIPT_COUNT);
    struct store_node *node = &store->node[call->node];
    store_count(&store->stats.answers, 1);
    if (reply->type == REDIS_REPLY_ARRAY) {
        node->loaded[script] = true;
        return STORE_ANSWER;
    }
    if (resp_is_error(reply, "NOSCRIPT")) {
        /* To the same server: it has just answered, so it is up, and it may not be known yet which
         * server has the slot now. */
        node->loaded[script] = false;
        store->detour = (struct redis_detour){call->slot, call->node, false};
        store->detoured = !store->closed && node->ready && ++call->tries < STORE_TRIES_MAX;
        return store->detoured ? STORE_AGAIN : STORE_LOST;
    }
    if (nodes_follow(store, call, reply))
        return STORE_AGAIN;
    /* This error passes without our help. */
    bool passes = resp_is_error(reply, "TRYAGAIN") || resp_is_error(reply, "CLUSTERDOWN") ||
                  resp_is_error(reply, "MOVED") || resp_is_error(reply, "ASK");
    if (!passes) {
        struct log_line line;
        log_begin(&line, store->conf.log, LOG_LEVEL_ERROR, "Redis refused a script");
        log_cstr(&line, "script", scripts[script].name);
        log_str(&line, "error", resp_text(reply));
        log_end(&line);
    }
    /* This server cannot do the work now; another one may, or this one later. */
    if (resp_is_error(reply, "READONLY") || resp_is_error(reply, "LOADING") ||
        resp_is_error(reply, "MASTERDOWN") || resp_is_error(reply, "NOAUTH"))
        redis_route_drop(store->route, call->node, reply->str);
    return STORE_LOST;
}

/* ---- server startup ---- */

static void on_loaded(struct redis_call *call, const redisReply *reply)
{
    struct store_node *node = call->ctx;
    size_t script = (size_t)(call - node->load_call);
    assert(script < SCRIPT_COUNT);
    if (reply == NULL)
        return;
    struct span sha = resp_text(reply);
    if (reply->type != REDIS_REPLY_STRING || sha.len != REDIS_SHA_LEN) {
        redis_route_drop(node->store->route, call->node, sha.len > 0 ? sha.ptr : "SCRIPT LOAD");
        return;
    }
    memcpy(node->sha[script], sha.ptr, sha.len);
    node->loaded[script] = true;
}

static void on_info(struct redis_call *call, const redisReply *reply)
{
    struct store_node *node = call->ctx;
    struct line_store *store = node->store;
    assert(node == &store->node[call->node]);
    if (reply == NULL)
        return;
    char before[REDIS_RUN_ID_LEN + 1];
    memcpy(before, node->run_id, sizeof(before));
    bool found = false;
    struct span info = resp_text(reply), line;
    while (!found && span_next(&info, '\n', &line)) {
        found = span_starts(line, SPAN("run_id:")) && line.len >= 7 + REDIS_RUN_ID_LEN;
        if (found)
            memcpy(node->run_id, line.ptr + 7, REDIS_RUN_ID_LEN);
    }
    if (!found) {
        redis_route_drop(store->route, call->node,
                         reply->type == REDIS_REPLY_ERROR ? reply->str : "no run id in INFO");
        return;
    }
    node->other_run = strcmp(before, node->run_id) != 0;
    node->ready = true;
    node->logged[0] = '\0';
    store->trouble[0] = '\0';
    redis_route_healthy(store->route, call->node);
    store_node_ready(store, call->node);
}

void nodes_on_up(void *ctx, uint8_t number)
{
    struct line_store *store = MAGIC_OF(line_store, ctx);
    assert(!store->closed);
    assert(number < REDIS_NODES_MAX);
    struct store_node *node = &store->node[number];
    node->store = store;
    store->detoured = false;
    store->way = (struct redis_detour){.node = number};
    for (size_t i = 0; i < SCRIPT_COUNT; i++) {
        struct text command = text_on(store->command, sizeof(store->command));
        resp_begin(&command, 3);
        resp_cstr(&command, "SCRIPT");
        resp_cstr(&command, "LOAD");
        resp_word(&command, scripts[i].text);
        node->load_call[i].ctx = node;
        store_send_own(store, &node->load_call[i], &command, on_loaded);
    }
    struct text command = text_on(store->command, sizeof(store->command));
    resp_begin(&command, 2);
    resp_cstr(&command, "INFO");
    resp_cstr(&command, "server");
    node->info_call.ctx = node;
    store_send_own(store, &node->info_call, &command, on_info);
    if (store->ups++ > 0 && store->conf.redis_cluster == NULL)
        store_count(&store->stats.reconnects, 1);
}

void nodes_on_lost(void *ctx, const char *why)
{
    struct line_store *store = MAGIC_OF(line_store, ctx);
    snprintf(store->trouble, sizeof(store->trouble), "%s", why);
    log_text(store->conf.log, LOG_LEVEL_WARN, "no connection to Redis", "why", why);
}

/* Logged once per loss and reason, not per attempt. */
void nodes_on_down(void *ctx, uint8_t number, const char *why)
{
    struct line_store *store = MAGIC_OF(line_store, ctx);
    assert(number < REDIS_NODES_MAX);
    assert(why != NULL);
    struct store_node *node = &store->node[number];
    if (strncmp(node->logged, why, sizeof(node->logged) - 1) != 0)
        nodes_on_lost(store, why);
    snprintf(node->logged, sizeof(node->logged), "%s", why);
    node->ready = false;
    if (store->detour.node == number)
        store->detoured = false;
    atomic_store_explicit(&store->stats.timeouts, redis_route_timeouts(store->route),
                          memory_order_relaxed);
    store_node_lost(store, number);
}
