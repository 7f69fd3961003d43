/* redis_link.c: hiredis's asynchronous client, connected to a libuv loop by our own adapter.
 *
 * The adapter that comes with hiredis asks the kernel for writability once per command, and has no
 * deadlines. Here a command only marks the link dirty. At the end of the turn its owner writes all
 * of them directly, and writability is requested only if the socket is full.
 *
 * States: DOWN (the back-off timer runs), CONNECTING, UP, CLOSED; link_next[] has the transitions.
 * The code that first sees the end of a connection calls fall(). From that moment the link is DOWN
 * for everybody, so a callback that gets NULL and wants to send again finds no half-dead
 * connection. hiredis frees its context itself after an error, or later if we are inside one of its
 * callbacks. Therefore a connection is a separate object, and the link merely drops its pointer.
 *
 * Names are resolved on the thread pool, again for each connection, since some failovers move a
 * name to another server. A running lookup can't be stopped and may take much longer than we wait.
 * So it is a separate object as well, one per link at a time, and closing a link cancels a lookup
 * that has not started. The addresses of a name are tried in turn.
 *
 * TLS: hiredis 0.14 has none and reads and writes its socket itself. So on an encrypted connection
 * we do both: received data goes to its reader, and data to send is taken from its buffer.
 * Callbacks and their order stay with hiredis, and a plain connection costs no more than before. A
 * socketpair with a pump behind it would copy everything twice.
 *
 * A master that is cut off from its replicas keeps answering, and its answers are lost when another
 * one replaces it. So a link to a replicated master is up only while a replica confirms: WAIT
 * returns once a replica has everything written so far. The PUBLISH before it is written to
 * replicas and to no disk; without it there might be nothing to confirm. The link drops a master
 * within CONFIRM_EVERY_MS + CONFIRM_WITHIN_MS of its being cut off.
 *
 * Deadlines: calls are in a list in the order in which they were sent. Most have the same time to
 * live, so one timer, armed for the earliest deadline, is enough; it walks the list when it fires,
 * about once a second under load. */
#include "redis/redis_link.h"

#include "base/ip.h"
#include "base/magic.h"
#include "crypto/tls_client.h"
#include "pace/backoff.h"
#include "queue-front/lua/line_names.h"
#include "redis/redis_limits.h"
#include "redis/redis_map.h"
#include "redis/resp.h"

#include <assert.h>
#include <hiredis/async.h>
#include <hiredis/sds.h>
#include <stdio.h>
#include <stdlib.h>

/* hiredis exports it for its own TLS (from 1.0 on) but declares it in no header: calls back for
 * each complete reply in its reader. */
void redisProcessCallbacks(redisAsyncContext *redis);

enum { TLS_RECORD_BYTES = 16384 }; /* the protocol's maximum */
enum { UNREACHED_MAX = 512 };      /* a host or a path, and the error */

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP, LINK_CLOSED, LINK_STATE_COUNT };

#define BIT(n) (uint8_t)(1u << (n))

static const uint8_t link_next[LINK_STATE_COUNT] = {
    [LINK_DOWN] = BIT(LINK_CONNECTING) | BIT(LINK_CLOSED),
    [LINK_CONNECTING] = BIT(LINK_UP) | BIT(LINK_DOWN) | BIT(LINK_CLOSED),
    [LINK_UP] = BIT(LINK_DOWN) | BIT(LINK_CLOSED),
    [LINK_CLOSED] = 0,
};

struct connection {
    uint32_t magic;
    uv_poll_t poll;
    redisAsyncContext *redis;
    struct tls_session *tls; /* NULL: no TLS */
    bool shaking;            /* the handshake, before any command */
    bool tls_wants_write;
    struct redis_link *link; /* NULL once the link has dropped it */
    int wanted;              /* the events that hiredis wants */
    int polled;              /* the events requested from the kernel */
    bool writing;            /* inside redisAsyncHandleWrite() */
};

MAGIC(connection, 0x2ed15001);

struct lookup {
    uint32_t magic;
    uv_getaddrinfo_t request;
    struct redis_link *link; /* NULL once the link is closed */
};

MAGIC(lookup, 0x2ed15002);

struct redis_link {
    uint32_t magic;
    struct redis_link_conf conf;
    enum link_state state;
    struct lookup *lookup;                      /* DOWN only: the lookup under way */
    char addr[LINK_ADDRS_MAX][LINK_ADDR_BYTES]; /* of the host name */
    unsigned addr_len;
    unsigned addr_at;              /* the address being tried */
    bool reached;                  /* connected at this address */
    struct connection *connection; /* CONNECTING and UP only */
    /* DOWN: the next attempt; CONNECTING: its deadline; UP: the next WAIT */
    uv_timer_t backoff;
    uv_timer_t deadline;
    uint64_t deadline_us;      /* of the deadline timer; 0: not armed */
    unsigned handles;          /* the loop still has these */
    bool dirty;                /* its owner was notified, and has not flushed yet */
    uint32_t attempts;         /* failures since the last healthy connection */
    struct redis_call pending; /* head of a ring */
    struct redis_call auth;
    struct redis_call publish;
    struct redis_call wait;
    uint64_t timeouts;
    bool mute; /* a preceding command failed, so the next is not sent */
};

MAGIC(redis_link, 0x2ed15003);

/* All state changes go through here. */
static void link_move(struct redis_link *link, enum link_state to)
{
    assert((link_next[link->state] & BIT(to)) != 0);
    link->state = to;
    assert((link->connection != NULL) == (to == LINK_CONNECTING || to == LINK_UP));
    assert(link->lookup == NULL || to == LINK_DOWN);
}

static void begin_connecting(struct redis_link *link);

/* ---- the end of a connection ---- */

static void on_backoff(uv_timer_t *timer);

static void give_up(struct redis_link *link, const char *why)
{
    uint32_t bound_ms =
        backoff_bound_ms(REDIS_BACKOFF_MIN_MS, REDIS_BACKOFF_MAX_MS, ++link->attempts);
    uint64_t pause_ms = bound_ms / 2 + rng_below(link->conf.rng, bound_ms / 2 + 1);
    link->addr_len = link->addr_at = 0;
    uv_timer_start(&link->backoff, on_backoff, pause_ms, 0);
    link->conf.on_down(link->conf.ctx, why); /* last: the link may be closed now */
}

/* Drops the connection, whatever happens to it. */
static void fall(struct redis_link *link, const char *why)
{
    assert(link->connection != NULL && link->connection->link == link);
    link->connection->link = NULL;
    link->connection = NULL;
    link_move(link, LINK_DOWN);
    /* This address is unreachable: tries the name's next one before reporting a failure. */
    if (!link->reached && link->addr_at + 1 < link->addr_len) {
        link->addr_at++;
        uv_timer_start(&link->backoff, on_backoff, 0, 0);
        return;
    }
    give_up(link, why); /* last: the link may be closed now */
}

/* Answers all waiting calls with an unknown outcome. */
static void answer_pending(struct redis_link *link)
{
    while (link->pending.next != &link->pending) {
        struct redis_call *call = link->pending.next;
        call->prev->next = call->next;
        call->next->prev = call->prev;
        call->on_reply(call, NULL);
    }
}

/* hiredis would answer the waiting calls from inside its own teardown, perhaps after their memory
 * is freed. So it is made to forget them, and answer_pending() answers them. */
static void forget_waiting(redisAsyncContext *redis)
{
    for (redisCallback *waiting = redis->replies.head; waiting != NULL; waiting = waiting->next)
        waiting->fn = NULL;
}

static void dismiss(redisAsyncContext *redis)
{
    forget_waiting(redis);
    redisAsyncFree(redis);
}

void redis_link_drop(struct redis_link *link, const char *why)
{
    if (link->state != LINK_CONNECTING && link->state != LINK_UP)
        return;
    redisAsyncContext *redis = link->connection->redis;
    fall(link, why);
    dismiss(redis);
    answer_pending(link);
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
    (void)status;
    struct connection *connection = MAGIC_OF(connection, redis->data);
    if (connection->link != NULL)
        fall(connection->link, redis->errstr[0] != '\0' ? redis->errstr : "hung up");
}

/* ---- calls ---- */

bool redis_link_is_up(const struct redis_link *link)
{
    return link->state == LINK_UP;
}

static uint64_t now_us(const struct redis_link *link)
{
    return clock_mono_us(link->conf.clock);
}

static void on_deadline(uv_timer_t *timer);

static void arm_deadline(struct redis_link *link, uint64_t deadline_us)
{
    if (link->state == LINK_CLOSED || (link->deadline_us != 0 && link->deadline_us <= deadline_us))
        return;
    link->deadline_us = deadline_us;
    uint64_t now = now_us(link);
    uint64_t wait_ms = deadline_us > now ? (deadline_us - now + 999) / 1000 : 0;
    uv_timer_start(&link->deadline, on_deadline, wait_ms, 0);
}

static void on_deadline(uv_timer_t *timer)
{
    struct redis_link *link = MAGIC_OF(redis_link, timer->data);
    link->deadline_us = 0;
    uint64_t earliest = UINT64_MAX;
    for (struct redis_call *call = link->pending.next; call != &link->pending; call = call->next) {
        if (call->deadline_us < earliest)
            earliest = call->deadline_us;
    }
    if (earliest == UINT64_MAX)
        return;
    if (earliest > now_us(link)) {
        arm_deadline(link, earliest);
        return;
    }
    link->timeouts++;
    redis_link_drop(link, "a call was not answered in time");
}

static void on_hiredis_reply(redisAsyncContext *redis, void *reply, void *ctx)
{
    struct redis_call *call = ctx;
    if (reply == NULL) { /* the first waiting call during hiredis's teardown */
        struct redis_link *link = call->link;
        forget_waiting(redis);
        fall(link, redis->errstr != NULL && redis->errstr[0] != '\0' ? redis->errstr : "hung up");
        answer_pending(link);
        return;
    }
    call->prev->next = call->next;
    call->next->prev = call->prev;
    call->on_reply(call, reply); /* last: anything may be closed now */
}

static void mark_dirty(struct redis_link *link)
{
    if (link->dirty || link->state == LINK_CLOSED)
        return;
    link->dirty = true;
    link->conf.on_dirty(link->conf.ctx);
}

/* hiredis refuses while it disconnects, when we are not up, or without memory. */
static bool hiredis_takes(struct redis_link *link, redisCallbackFn *fn, struct redis_call *call,
                          struct span command)
{
    redisAsyncContext *redis = link->connection->redis;
    return redisAsyncFormattedCommand(redis, fn, call, command.ptr, command.len) == REDIS_OK;
}

/* A command that cannot be sent counts as unanswered: the next turn drops the connection, and no
 * later command is sent in its place. */
void redis_link_send(struct redis_link *link, struct redis_call *call, struct span command)
{
    assert(link->connection != NULL && call->on_reply != NULL);
    call->link = link;
    call->next = &link->pending;
    call->prev = link->pending.prev;
    call->prev->next = call;
    link->pending.prev = call;
    if (link->mute || !hiredis_takes(link, on_hiredis_reply, call, command))
        call->deadline_us = now_us(link);
    link->mute = false;
    arm_deadline(link, call->deadline_us);
    mark_dirty(link);
}

void redis_link_send_quiet(struct redis_link *link, struct span command)
{
    assert(link->connection != NULL);
    link->mute = !hiredis_takes(link, NULL, NULL, command);
    mark_dirty(link);
}

/* ---- the adapter between hiredis and libuv ---- */

static void apply_poll(struct connection *connection);
static void tls_read(struct connection *connection);
static void tls_write(struct connection *connection);
static void tls_shake(struct connection *connection);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = MAGIC_OF(connection, poll->data);
    /* A socket in error counts as readable: reading it makes hiredis find the error. */
    if (status < 0)
        events = UV_READABLE;
    if (connection->tls != NULL && connection->shaking) {
        tls_shake(connection);
        return;
    }
    if (connection->tls != NULL) {
        tls_read(connection);
        if (connection->redis != NULL)
            tls_write(connection);
        return;
    }
    if ((events & UV_READABLE) != 0)
        redisAsyncHandleRead(connection->redis);
    if ((events & UV_WRITABLE) != 0 && connection->redis != NULL) {
        connection->writing = true;
        redisAsyncHandleWrite(connection->redis);
        connection->writing = false;
        if (connection->redis != NULL)
            apply_poll(connection);
    }
}

static void apply_poll(struct connection *connection)
{
    int wanted = connection->wanted;
    /* TLS may change keys at any time, so reading may wait for writing and vice versa. */
    if (connection->tls != NULL && connection->shaking)
        wanted = connection->tls_wants_write ? UV_WRITABLE : UV_READABLE;
    else if (connection->tls != NULL)
        wanted |= UV_READABLE | (connection->tls_wants_write ? UV_WRITABLE : 0);
    if (connection->polled == wanted)
        return;
    connection->polled = wanted;
    if (wanted == 0)
        uv_poll_stop(&connection->poll);
    else
        uv_poll_start(&connection->poll, wanted, on_poll);
}

static void want_read(void *ctx)
{
    struct connection *connection = MAGIC_OF(connection, ctx);
    connection->wanted |= UV_READABLE;
    apply_poll(connection);
}

static void want_no_read(void *ctx)
{
    struct connection *connection = MAGIC_OF(connection, ctx);
    connection->wanted &= ~UV_READABLE;
    apply_poll(connection);
}

/* While connecting, we wait for writability. Later it is requested only after a short write. */
static void want_write(void *ctx)
{
    struct connection *connection = MAGIC_OF(connection, ctx);
    struct redis_link *link = connection->link;
    if (link != NULL && link->state == LINK_UP && !connection->writing) {
        mark_dirty(link);
        return;
    }
    connection->wanted |= UV_WRITABLE;
    apply_poll(connection);
}

static void want_no_write(void *ctx)
{
    struct connection *connection = MAGIC_OF(connection, ctx);
    connection->wanted &= ~UV_WRITABLE;
    apply_poll(connection);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct connection *connection = MAGIC_OF(connection, handle->data);
    MAGIC_END(connection, connection);
    free(connection);
}

static void on_cleanup(void *ctx)
{
    struct connection *connection = MAGIC_OF(connection, ctx);
    connection->redis = NULL;
    tls_session_close(connection->tls);
    connection->tls = NULL;
    uv_close((uv_handle_t *)&connection->poll, on_poll_closed);
}

/* ---- TLS ---- */

static void log_in(struct redis_link *link);

static void tls_fail(struct connection *connection)
{
    if (connection->link != NULL)
        redis_link_drop(connection->link, tls_session_why(connection->tls));
}

static void tls_read(struct connection *connection)
{
    char bytes[TLS_RECORD_BYTES];
    do {
        size_t len;
        enum tls_step step = tls_session_read(connection->tls, bytes, sizeof(bytes), &len);
        connection->tls_wants_write = tls_session_wants_write(connection->tls);
        if (step == TLS_FAILED)
            tls_fail(connection);
        if (step != TLS_DONE)
            return;
        redisReaderFeed(connection->redis->c.reader, bytes, len);
        redisProcessCallbacks(connection->redis); /* the connection may be gone now */
    } while (connection->redis != NULL && tls_session_has_more(connection->tls));
}

/* Sends all that hiredis has buffered, or as much as the socket takes. */
static void tls_write(struct connection *connection)
{
    redisContext *redis = &connection->redis->c;
    size_t len = sdslen(redis->obuf), done = 0;
    enum tls_step step = TLS_DONE;
    while (step == TLS_DONE && done < len) {
        size_t taken = 0;
        step = tls_session_write(connection->tls, redis->obuf + done, len - done, &taken);
        done += taken;
    }
    if (step == TLS_FAILED) {
        tls_read(connection); /* the server may have sent a reason before closing */
        if (connection->redis != NULL)
            tls_fail(connection);
        return;
    }
    if (done > 0)
        sdsrange(redis->obuf, (int)done, -1);
    if (done < len && tls_session_wants_write(connection->tls))
        connection->wanted |= UV_WRITABLE;
    else
        connection->wanted &= ~UV_WRITABLE;
    apply_poll(connection);
}

static void tls_shake(struct connection *connection)
{
    enum tls_step step = tls_session_shake(connection->tls);
    connection->tls_wants_write = step == TLS_WAITS && tls_session_wants_write(connection->tls);
    if (step == TLS_FAILED) {
        tls_fail(connection);
        return;
    }
    connection->shaking = step == TLS_WAITS;
    apply_poll(connection);
    if (step == TLS_DONE)
        log_in(connection->link); /* last: anything may be closed now */
}

/* ---- the end of a turn ---- */

void redis_link_flush(struct redis_link *link)
{
    struct connection *connection = link->connection;
    /* A failed write frees the connection, which one of its callbacks would not survive. */
    if (link->dirty && link->state == LINK_UP && (connection->redis->c.flags & REDIS_IN_CALLBACK))
        return; /* stays dirty until the end of the turn */
    link->dirty = false;
    /* Before the login is sent the link is not up; writability then sends the login. */
    if (link->state != LINK_UP)
        return;
    if (connection->tls != NULL) {
        tls_write(connection);
        return;
    }
    connection->writing = true;
    redisAsyncHandleWrite(connection->redis); /* a failure ends in fall() */
    connection->writing = false;
}

/* ---- connecting ---- */

static void come_up(struct redis_link *link)
{
    uv_timer_stop(&link->backoff);
    if (link->conf.replicated)
        uv_timer_start(&link->backoff, on_backoff, CONFIRM_EVERY_MS, 0);
    link_move(link, LINK_UP);
    link->conf.on_up(link->conf.ctx); /* last: the link may be closed now */
}

static void on_published(struct redis_call *call, const struct redisReply *reply)
{
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
        redis_link_drop(call->link, reply->str);
}

static void on_confirmed(struct redis_call *call, const struct redisReply *reply)
{
    struct redis_link *link = call->link;
    if (reply == NULL)
        return;
    if (reply->type != REDIS_REPLY_INTEGER)
        redis_link_drop(link, reply->type == REDIS_REPLY_ERROR ? reply->str : "no answer to WAIT");
    else if (reply->integer < 1)
        redis_link_drop(link, "no replica confirms what this master writes");
    else if (link->state == LINK_CONNECTING)
        come_up(link);
    else
        uv_timer_start(&link->backoff, on_backoff, CONFIRM_EVERY_MS, 0);
}

static void ask_replicas(struct redis_link *link)
{
    uint64_t deadline_us = now_us(link) + CONFIRM_WITHIN_MS * 1000;
    link->publish.on_reply = on_published;
    link->wait.on_reply = on_confirmed;
    link->publish.deadline_us = link->wait.deadline_us = deadline_us;
    redis_link_send(link, &link->publish,
                    SPAN("*3\r\n$7\r\nPUBLISH\r\n" LINE_CONFIRM_WORD RESP_EMPTY));
    /* After 400 ms, before the deadline, Redis itself replies that no replica has confirmed. */
    redis_link_send(link, &link->wait, SPAN("*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$3\r\n400\r\n"));
}

static void on_logged_in(struct redis_link *link)
{
    if (link->conf.replicated)
        ask_replicas(link);
    else
        come_up(link);
}

static void on_auth(struct redis_call *call, const struct redisReply *reply)
{
    struct redis_link *link = call->link;
    if (reply == NULL)
        return;
    if (reply->type != REDIS_REPLY_ERROR) {
        on_logged_in(link);
        return;
    }
    char memory[256];
    snprintf(memory, sizeof(memory), "Redis refused user %s: %s",
             link->conf.login.user != NULL ? link->conf.login.user : "default", reply->str);
    redis_link_drop(link, memory);
}

static void log_in(struct redis_link *link)
{
    const struct redis_login *login = &link->conf.login;
    if (login->password.len == 0) {
        on_logged_in(link);
        return;
    }
    char memory[LINK_LOGIN_BYTES];
    struct text command = text_on(memory, sizeof(memory));
    resp_begin(&command, login->user != NULL ? 3 : 2);
    resp_cstr(&command, "AUTH");
    if (login->user != NULL)
        resp_cstr(&command, login->user);
    resp_word(&command, login->password);
    assert(!command.overflown); /* both are limited where they are read */
    link->auth.on_reply = on_auth;
    link->auth.deadline_us = now_us(link) + STORE_DEADLINE_MS * 1000;
    redis_link_send(link, &link->auth, text_span(&command));
}

/* The unreachable address, and the error. */
static const char *unreached(const struct redis_link *link, const char *why,
                             char memory[UNREACHED_MAX])
{
    if (link->conf.path != NULL)
        snprintf(memory, UNREACHED_MAX, "%s: %s", link->conf.path, why);
    else
        snprintf(memory, UNREACHED_MAX, "%s:%u: %s", link->conf.host, (unsigned)link->conf.port,
                 why);
    return memory;
}

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct connection *connection = MAGIC_OF(connection, redis->data);
    struct redis_link *link = connection->link;
    if (link == NULL)
        return;
    if (status != REDIS_OK) {
        char memory[UNREACHED_MAX];
        fall(link, unreached(link, redis->errstr, memory)); /* hiredis frees its context itself */
        return;
    }
    link->reached = true;
    if (link->conf.tls == NULL) {
        log_in(link);
        return;
    }
    /* We are inside a hiredis callback, which the connection must survive, so the handshake starts
     * with the next event. Without memory it does not start, and the timer ends the attempt. */
    connection->tls = tls_session_open(link->conf.tls, connection->redis->c.fd, link->conf.host);
    connection->shaking = connection->tls_wants_write = true;
}

static void on_backoff(uv_timer_t *timer)
{
    struct redis_link *link = MAGIC_OF(redis_link, timer->data);
    if (link->lookup != NULL)
        give_up(link, "the name of the server is not resolved in time");
    else if (link->state == LINK_DOWN)
        begin_connecting(link);
    else if (link->state == LINK_UP)
        ask_replicas(link);
    else
        redis_link_drop(link, link->connection->shaking
                                  ? "nobody answered the TLS handshake in time"
                                  : "no connection in time");
}

void redis_link_healthy(struct redis_link *link)
{
    link->attempts = 0;
}

/* Connects a new hiredis context to the loop. False: no memory, or the loop refuses. */
static bool attach(struct redis_link *link, redisAsyncContext *redis)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return false;
    if (uv_poll_init(link->conf.loop, &connection->poll, redis->c.fd) < 0) {
        free(connection);
        return false;
    }
    MAGIC_BEGIN(connection, connection);
    connection->poll.data = connection;
    connection->redis = redis;
    connection->link = link;
    redis->data = connection;
    redis->ev.data = connection;
    redis->ev.addRead = want_read;
    redis->ev.delRead = want_no_read;
    redis->ev.addWrite = want_write;
    redis->ev.delWrite = want_no_write;
    redis->ev.cleanup = on_cleanup;
    link->connection = connection;
    link_move(link, LINK_CONNECTING);
    redisAsyncSetDisconnectCallback(redis, on_disconnect);
    redisAsyncSetConnectCallback(redis, on_connect); /* requests writability */
    return true;
}

/* `host` is numeric; NULL: uses the path. */
static void connect_to(struct redis_link *link, const char *host)
{
    link->reached = false;
    redisAsyncContext *redis = host == NULL ? redisAsyncConnectUnix(link->conf.path)
                                            : redisAsyncConnect(host, link->conf.port);
    if (redis == NULL || redis->err != 0 || !attach(link, redis)) {
        char why[UNREACHED_MAX] = "no memory";
        if (redis != NULL && redis->err != 0)
            unreached(link, redis->errstr, why);
        if (redis != NULL)
            redisAsyncFree(redis);
        give_up(link, why); /* last: the link may be closed now */
    } else {
        uv_timer_start(&link->backoff, on_backoff, STORE_DEADLINE_MS, 0);
    }
}

/* ---- name lookup ---- */

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *lookup = MAGIC_OF(lookup, request->data);
    struct redis_link *link = lookup->link;
    MAGIC_END(lookup, lookup);
    free(lookup);
    if (link == NULL) {
        uv_freeaddrinfo(found);
        return;
    }
    link->lookup = NULL;
    link->addr_len = link->addr_at = 0;
    const struct addrinfo *at = status == 0 ? found : NULL;
    for (; at != NULL && link->addr_len < LINK_ADDRS_MAX; at = at->ai_next) {
        bool is_ip = at->ai_family == AF_INET || at->ai_family == AF_INET6;
        char *to = link->addr[link->addr_len];
        link->addr_len += is_ip && uv_ip_name(at->ai_addr, to, LINK_ADDR_BYTES) == 0;
    }
    uv_freeaddrinfo(found);
    if (link->addr_len > 0) {
        connect_to(link, link->addr[0]);
        return;
    }
    char memory[REDIS_HOST_MAX + 128];
    snprintf(memory, sizeof(memory), "no address for %s: %s", link->conf.host,
             uv_strerror(status < 0 ? status : UV_EAI_NODATA));
    give_up(link, memory);
}

/* The timer limits its duration. */
static void look_up(struct redis_link *link)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL) {
        give_up(link, "no memory");
        return;
    }
    MAGIC_BEGIN(lookup, lookup);
    lookup->link = link;
    lookup->request.data = lookup;
    int rc = uv_getaddrinfo(link->conf.loop, &lookup->request, on_resolved, link->conf.host, NULL,
                            &hints);
    if (rc < 0) {
        free(lookup);
        give_up(link, uv_strerror(rc));
        return;
    }
    link->lookup = lookup;
    uv_timer_start(&link->backoff, on_backoff, STORE_DEADLINE_MS, 0);
}

static void begin_connecting(struct redis_link *link)
{
    assert(link->state == LINK_DOWN && link->connection == NULL);
    if (link->conf.path != NULL)
        connect_to(link, NULL);
    else if (link->addr_at < link->addr_len)
        connect_to(link, link->addr[link->addr_at]);
    else if (ip_is_numeric(link->conf.host))
        connect_to(link, link->conf.host);
    else
        look_up(link);
}

/* ---- life ---- */

int redis_link_create(const struct redis_link_conf *conf, struct err_slot *err,
                      struct redis_link **out)
{
    assert((conf->path != NULL) != (conf->host != NULL));
    assert(conf->on_up != NULL && conf->on_down != NULL && conf->on_dirty != NULL);
    struct redis_link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return err_set(err, ERR_NOMEM, "Redis connection of %zu bytes", sizeof(*link));
    MAGIC_BEGIN(redis_link, link);
    link->conf = *conf;
    link->pending.next = link->pending.prev = &link->pending;
    /* Neither can fail: they only link the handle into the loop. */
    uv_timer_init(conf->loop, &link->backoff);
    uv_timer_init(conf->loop, &link->deadline);
    link->backoff.data = link->deadline.data = link;
    link->handles = 2;
    uv_timer_start(&link->backoff, on_backoff, 0, 0);
    *out = link;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct redis_link *link = MAGIC_OF(redis_link, handle->data);
    assert(link->handles > 0 && link->state == LINK_CLOSED);
    if (--link->handles > 0)
        return;
    assert(link->pending.next == &link->pending); /* all were answered */
    MAGIC_END(redis_link, link);
    free(link);
}

void redis_link_close(struct redis_link *link)
{
    struct connection *connection = link->connection;
    link->connection = NULL;
    if (link->lookup != NULL) {
        link->lookup->link = NULL;
        uv_cancel((uv_req_t *)&link->lookup->request); /* a running one goes on */
        link->lookup = NULL;
    }
    link_move(link, LINK_CLOSED);
    uv_close((uv_handle_t *)&link->backoff, on_handle_closed);
    uv_close((uv_handle_t *)&link->deadline, on_handle_closed);
    if (connection != NULL) {
        connection->link = NULL;
        dismiss(connection->redis);
    }
    answer_pending(link);
}

uint64_t redis_link_timeouts(const struct redis_link *link)
{
    return link->timeouts;
}
