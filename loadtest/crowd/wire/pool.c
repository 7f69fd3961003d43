/* pool.c: connections are opened on first need and kept. A free one takes the oldest waiting call.
 * The service may close a kept connection at any time: a call that finds it closed is sent once
 * more over a new one, and is lost if that fails too.
 *
 * Invariant: a wire is in the free list, or has a call, or is being closed. */
#include "wire/pool.h"

#include "base/magic.h"
#include "limits.h"
#include "system/system.h"
#include "wire/link.h"

#include <assert.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>

enum wire_state { WIRE_CLOSED, WIRE_CONNECTING, WIRE_FREE, WIRE_BUSY, WIRE_CLOSING };

enum header { HEADER_OTHER, HEADER_COOKIE, HEADER_RETRY_AFTER, HEADERS };

struct wire {
    uint32_t magic;
    struct link link;
    uv_timer_t timer;
    struct pool *pool;
    struct wire *next; /* in the free list */
    struct pool_call *call;
    enum wire_state state;
    uint8_t handles; /* of link and timer, not closed yet */
    bool linked;
    bool begun; /* the answer has begun */
    uint32_t number;
    llhttp_t parser;
    char request[POOL_REQUEST_MAX];
    size_t request_len;
    char *body;
    size_t body_len, body_cap;
    char name[32];
    size_t name_len;
    enum header header;
    char value[HEADERS - 1][POOL_HEADER_MAX];
    size_t value_len[HEADERS - 1];
    bool keep;
    bool done;
};

MAGIC(wire, 0x10ad0001);

struct pool {
    struct pool_conf conf;
    llhttp_settings_t settings;
    struct wire *wires;
    struct wire *free;
    uint32_t made; /* of wires[0..connections) */
    struct pool_call *first, **last;
    uint32_t waiting;
    uint32_t handles_open;
    bool closing;
};

static void work(struct pool *pool);

/* ---- the answer ---- */

static struct wire *wire_of(llhttp_t *parser)
{
    return MAGIC_OF(wire, parser->data);
}

/* Text that does not fit is cut. */
static void keep_part(char *to, size_t size, size_t *used, const char *at, size_t len)
{
    size_t room = size - *used, part = len < room ? len : room;
    memcpy(to + *used, at, part);
    *used += part;
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct wire *wire = wire_of(parser);
    keep_part(wire->name, sizeof(wire->name), &wire->name_len, at, len);
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    struct wire *wire = wire_of(parser);
    struct span name = {wire->name, wire->name_len};
    wire->header = span_eq_nocase(name, SPAN("set-cookie"))    ? HEADER_COOKIE
                   : span_eq_nocase(name, SPAN("retry-after")) ? HEADER_RETRY_AFTER
                                                               : HEADER_OTHER;
    wire->name_len = 0;
    if (wire->header != HEADER_OTHER && wire->value_len[wire->header - 1] > 0)
        wire->header = HEADER_OTHER; /* the first one counts */
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct wire *wire = wire_of(parser);
    if (wire->header != HEADER_OTHER)
        keep_part(wire->value[wire->header - 1], POOL_HEADER_MAX,
                  &wire->value_len[wire->header - 1], at, len);
    return 0;
}

static int on_value_complete(llhttp_t *parser)
{
    wire_of(parser)->header = HEADER_OTHER;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct wire *wire = wire_of(parser);
    if (wire->body_len + len > wire->body_cap) {
        size_t cap = wire->body_cap == 0 ? 2048 : wire->body_cap;
        while (cap < wire->body_len + len)
            cap *= 2;
        char *grown = cap <= POOL_BODY_MAX ? realloc(wire->body, cap) : NULL;
        if (grown == NULL)
            return HPE_USER;
        wire->body = grown;
        wire->body_cap = cap;
    }
    memcpy(wire->body + wire->body_len, at, len);
    wire->body_len += len;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct wire *wire = wire_of(parser);
    wire->keep = llhttp_should_keep_alive(parser) != 0;
    wire->done = true;
    return HPE_PAUSED;
}

/* ---- one connection ---- */

static struct span value_of(const struct wire *wire, enum header header)
{
    return (struct span){wire->value[header - 1], wire->value_len[header - 1]};
}

static void call_over(struct wire *wire, int rc)
{
    struct pool_call *call = wire->call;
    wire->call = NULL;
    struct pool_answer answer = {.rc = rc, .took_us = system_mono_us() - call->due_us};
    if (rc == 0) {
        uint64_t retry = 0;
        span_u64(value_of(wire, HEADER_RETRY_AFTER), 86400, &retry);
        span_cut(value_of(wire, HEADER_COOKIE), ';', &answer.cookie);
        answer.status = wire->parser.status_code;
        answer.body = (struct span){wire->body, wire->body_len};
        answer.retry_after_s = (uint32_t)retry;
    }
    call->on_answer(call->ctx, &answer);
}

static void on_half_closed(void *ctx)
{
    struct wire *wire = MAGIC_OF(wire, ctx);
    struct pool *pool = wire->pool;
    pool->handles_open--;
    if (--wire->handles > 0)
        return;
    wire->state = WIRE_CLOSED;
    wire->next = pool->free;
    pool->free = wire;
    if (pool->closing) {
        if (pool->handles_open == 0) {
            for (uint32_t i = 0; i < pool->conf.connections; i++)
                free(pool->wires[i].body);
            free(pool->wires);
            free(pool);
        }
        return;
    }
    work(pool);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_half_closed(MAGIC_OF(wire, handle->data));
}

static void wire_close(struct wire *wire)
{
    assert(wire->state != WIRE_CLOSED && wire->state != WIRE_CLOSING);
    assert(wire->call == NULL);
    wire->state = WIRE_CLOSING;
    if (wire->linked)
        link_close(&wire->link);
    uv_close((uv_handle_t *)&wire->timer, on_timer_closed);
}

/* The connection failed during a call. If a kept one received nothing, the service had closed it,
 * and the call goes to the front of the queue once more. */
static void wire_failed(struct wire *wire, int rc)
{
    struct pool *pool = wire->pool;
    struct pool_call *call = wire->call;
    if (call != NULL && !wire->begun && rc == ERR_CLOSED && !call->again && !pool->closing) {
        wire->call = NULL;
        call->again = true;
        call->next = pool->first;
        if (pool->first == NULL)
            pool->last = &call->next;
        pool->first = call;
        pool->waiting++;
    } else if (call != NULL) {
        call_over(wire, rc);
    }
    wire_close(wire);
}

static void free_list_remove(struct pool *pool, struct wire *wire)
{
    struct wire **at = &pool->free;
    while (*at != NULL && *at != wire)
        at = &(*at)->next;
    if (*at == wire)
        *at = wire->next;
}

static void on_data(void *ctx, struct span data)
{
    struct wire *wire = MAGIC_OF(wire, ctx);
    struct pool *pool = wire->pool;
    if (wire->state == WIRE_FREE) { /* unrequested input */
        free_list_remove(pool, wire);
        wire_close(wire);
        return;
    }
    wire->begun = true;
    llhttp_errno_t rc = llhttp_execute(&wire->parser, data.ptr, data.len);
    if (!wire->done) {
        if (rc != HPE_OK)
            wire_failed(wire, ERR_SYNTAX);
        return;
    }
    uv_timer_stop(&wire->timer);
    bool keep = wire->keep && wire->link.unsent.len == 0;
    wire->state = WIRE_FREE; /* the callback may send a call, but not over this wire yet */
    call_over(wire, 0);
    if (!keep) {
        wire_close(wire);
        return;
    }
    wire->next = pool->free;
    pool->free = wire;
    work(pool);
}

static void on_end(void *ctx, bool opened)
{
    struct wire *wire = MAGIC_OF(wire, ctx);
    if (wire->state == WIRE_FREE) { /* closed by the service while idle */
        free_list_remove(wire->pool, wire);
        wire_close(wire);
    } else {
        wire_failed(wire, opened ? ERR_CLOSED : ERR_IO);
    }
}

static void on_timeout(uv_timer_t *timer)
{
    struct wire *wire = MAGIC_OF(wire, timer->data);
    if (wire->state == WIRE_BUSY || wire->state == WIRE_CONNECTING)
        wire_failed(wire, ERR_TIMEOUT);
}

static void send_request(struct wire *wire)
{
    wire->state = WIRE_BUSY;
    wire->begun = false;
    wire->done = false;
    wire->body_len = 0;
    wire->name_len = 0;
    wire->header = HEADER_OTHER;
    memset(wire->value_len, 0, sizeof(wire->value_len));
    llhttp_init(&wire->parser, HTTP_RESPONSE, &wire->pool->settings);
    wire->parser.data = wire;
    uv_timer_start(&wire->timer, on_timeout, POOL_TIMEOUT_MS, 0);
    link_send(&wire->link, (struct span){wire->request, wire->request_len});
}

static void on_open(void *ctx)
{
    send_request(MAGIC_OF(wire, ctx));
}

static void wire_open(struct wire *wire)
{
    static const struct link_calls calls = {on_open, on_data, on_end, on_half_closed};
    struct pool *pool = wire->pool;
    struct link_conf conf = pool->conf.link;
    conf.number = wire->number;
    uv_timer_init(conf.loop, &wire->timer);
    wire->timer.data = wire;
    wire->state = WIRE_CONNECTING;
    wire->linked = link_open(&wire->link, &conf, &calls, wire);
    wire->handles = wire->linked ? 2 : 1;
    pool->handles_open += wire->handles;
    /* A connection that cannot even be started fails a moment later, not from within the call. */
    uv_timer_start(&wire->timer, on_timeout, wire->linked ? POOL_TIMEOUT_MS : 1, 0);
}

/* ---- the pool ---- */

/* Gives waiting calls to free connections, opening new ones up to the limit. */
static void work(struct pool *pool)
{
    while (pool->first != NULL && !pool->closing) {
        struct wire *wire = pool->free;
        if (wire != NULL) {
            pool->free = wire->next;
        } else if (pool->made < pool->conf.connections) {
            wire = &pool->wires[pool->made];
            wire->number = pool->made++;
            MAGIC_BEGIN(wire, wire);
            wire->pool = pool;
            wire->state = WIRE_CLOSED;
        } else {
            return;
        }
        struct pool_call *call = pool->first;
        pool->first = call->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
        pool->waiting--;
        wire->call = call;
        struct text request = text_on(wire->request, sizeof(wire->request));
        call->write(call->ctx, &request);
        assert(!request.overflown);
        wire->request_len = request.len;
        if (wire->state == WIRE_FREE)
            send_request(wire);
        else
            wire_open(wire);
    }
}

int pool_create(const struct pool_conf *conf, struct err_slot *err, struct pool **out)
{
    assert(conf->connections > 0 && conf->connections <= POOL_CONNECTIONS_MAX);
    struct pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return err_set(err, ERR_NOMEM, "pool");
    pool->wires = calloc(conf->connections, sizeof(*pool->wires));
    if (pool->wires == NULL) {
        free(pool);
        return err_set(err, ERR_NOMEM, "%u connections", conf->connections);
    }
    pool->conf = *conf;
    pool->last = &pool->first;
    llhttp_settings_init(&pool->settings);
    pool->settings.on_header_field = on_field;
    pool->settings.on_header_field_complete = on_field_complete;
    pool->settings.on_header_value = on_value;
    pool->settings.on_header_value_complete = on_value_complete;
    pool->settings.on_body = on_body;
    pool->settings.on_message_complete = on_message_complete;
    *out = pool;
    return 0;
}

void pool_ask(struct pool *pool, struct pool_call *call)
{
    call->again = false;
    call->next = NULL;
    *pool->last = call;
    pool->last = &call->next;
    pool->waiting++;
    assert(pool->waiting <= POOL_WAITING_MAX);
    work(pool);
}

void pool_close(struct pool *pool)
{
    if (pool == NULL)
        return;
    pool->closing = true;
    pool->first = NULL;
    if (pool->handles_open == 0) {
        free(pool->wires);
        free(pool);
        return;
    }
    for (uint32_t i = 0; i < pool->made; i++) {
        struct wire *wire = &pool->wires[i];
        wire->call = NULL;
        if (wire->state != WIRE_CLOSED && wire->state != WIRE_CLOSING)
            wire_close(wire);
    }
}
