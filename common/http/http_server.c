/* http_server.c: one listener on one loop, and what its connections share: the cached clock, the
 * pool of requests, an orderly shutdown.
 *
 * The clocks are read at most once per loop turn. Under load a turn serves many requests, and two
 * clock reads for each would be a twentieth of their cost.
 *
 * Handles of one server: listener, tick, resume, turn, more, drain timer, and one poll per
 * connection. handles_open counts them, plus requests that a handler still has after their visitor
 * disconnected; the memory is freed with the last. */
#include "base/bug.h"
#include "http/http_internal.h"
#include "http/http_peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct http_limits http_limits_default(void)
{
    return (struct http_limits){
        .connections_max = 18000, /* a process may have 20,000 files here, some for other uses */
        .connections_per_addr_max = 0, /* behind an edge every visitor has the edge's address */
        .head_bytes_max = 16384,       /* an ordinary shop's cookies fit easily */
        .url_bytes_max = 4096,
        .headers_max = HTTP_HEADERS_CAP,
        .head_timeout_ms = 10000, /* even a phone on a bad network sends one packet in time */
        .body_timeout_ms = 30000,
        .idle_timeout_ms = 75000, /* above the longest poll interval, so that polls reuse it */
        .write_timeout_ms = 20000,
        .requests_per_turn_max = 64,
        .bytes_per_turn_max = 65536,
    };
}

/* ---- time ---- */

static uint64_t mono_us(const struct http_server *server)
{
    return clock_mono_us(server->conf.clock);
}

static void turn_lasts(struct http_server *server, uint64_t us)
{
    server->late_us = server->turn_us + us;
    server->late_soon_us = server->turn_us + us / 2;
    server->late_soon = false;
}

uint64_t http_server_now_us(struct http_server *server)
{
    if (server->turn_us == 0) {
        server->turn_us = mono_us(server);
        turn_lasts(server, HTTP_TURN_US);
        uint64_t now_s = clock_wall_us(server->conf.clock) / 1000000u;
        if (now_s != server->date_s) {
            server->date_s = now_s;
            time_t seconds = (time_t)now_s;
            struct tm utc;
            gmtime_r(&seconds, &utc);
            char ok[sizeof(server->ok) + 1];
            size_t len = strftime(ok, sizeof(ok),
                                  "HTTP/1.1 200 OK\r\nDate: %a, %d %b %Y %H:%M:%S GMT", &utc);
            assert(len == sizeof(server->ok)); /* in the C locale, which no program leaves */
            memcpy(server->ok, ok, len);
        }
    }
    return server->turn_us;
}

uint64_t http_server_wall_s(struct http_server *server)
{
    http_server_now_us(server);
    return server->date_s;
}

struct span http_server_date(struct http_server *server)
{
    return (struct span){http_server_ok(server) + HTTP_OK_LEN, HTTP_DATE_LEN};
}

const char *http_server_ok(struct http_server *server)
{
    http_server_now_us(server);
    return server->ok;
}

static void on_turn(uv_prepare_t *prepare)
{
    struct http_server *server = MAGIC_OF(http_server, prepare->data);
    server->turn_us = 0;
}

/* ---- large memory ---- */

struct waste {
    uv_work_t work;
    void (*destroy)(void *what);
    void *what;
};

static void on_waste(uv_work_t *work)
{
    const struct waste *waste = work->data;
    waste->destroy(waste->what);
}

static void on_wasted(uv_work_t *work, int status)
{
    (void)status; /* this work is never cancelled */
    free(work->data);
}

void http_waste(uv_loop_t *loop, void (*destroy)(void *what), void *what)
{
    struct waste *waste = what != NULL ? malloc(sizeof(*waste)) : NULL;
    if (waste == NULL) { /* nothing to destroy, or no memory: destroy it here */
        destroy(what);
        return;
    }
    *waste = (struct waste){.destroy = destroy, .what = what};
    waste->work.data = waste;
    uv_queue_work(loop, &waste->work, on_waste, on_wasted);
}

void http_blob_let_go(uv_loop_t *loop, struct http_blob *blob)
{
    if (blob == NULL || !http_blob_leave(blob))
        return;
    if (blob->len >= HTTP_WASTE_MIN)
        http_waste(loop, free, blob);
    else
        free(blob);
}

/* ---- the pool of requests ---- */

struct http_req *http_server_take_req(struct http_server *server)
{
    struct http_req *req = server->pool;
    if (req != NULL) {
        assert(server->pool_len > 0 && req->magic == 0);
        server->pool = req->next;
        server->pool_len--;
        if (server->pool != NULL)
            http_req_prefetch(server->pool); /* prefetch the next one, if this one is kept */
        MAGIC_BEGIN(http_req, req);
        return req;
    }
    req = malloc(sizeof(*req));
    if (req == NULL)
        return NULL;
    MAGIC_BEGIN(http_req, req);
    req->server = server;
    req->buffer = req->inline_buffer;
    req->cap = sizeof(req->inline_buffer);
    req->len = 0;
    req->start = 0;
    req->rooms = NULL;
    return req;
}

void http_server_give_req(struct http_server *server, struct http_req *req)
{
    MAGIC_END(http_req, req); /* a double return would be caught */
    assert(req->server == server);
    assert(req->rooms == NULL);
    panic_work_gone(req);
    if (req->buffer != req->inline_buffer) {
        if (req->cap >= HTTP_WASTE_MIN)
            http_waste(server->conf.loop, free, req->buffer);
        else
            free(req->buffer);
        req->buffer = req->inline_buffer;
        req->cap = sizeof(req->inline_buffer);
    }
    req->conn = NULL;
    req->len = 0;
    req->start = 0;
    assert((server->pool == NULL) == (server->pool_len == 0));
    if (server->pool_len >= HTTP_POOL_REQS_MAX) {
        free(req);
        return;
    }
    req->next = server->pool;
    server->pool = req;
    server->pool_len++;
}

static void on_tick(uv_timer_t *timer)
{
    struct http_server *server = MAGIC_OF(http_server, timer->data);
    http_wheel_sweep(&server->wheel, uv_now(server->conf.loop), http_conn_timed_out);
    http_stream_beat(server);
}

/* ---- interrupted work ---- */

bool http_server_is_late(struct http_server *server)
{
    http_server_now_us(server); /* starts the turn's clock if nothing has read it yet */
    uint64_t now_us = mono_us(server);
    server->late_soon = now_us >= server->late_soon_us;
    return now_us >= server->late_us;
}

/* However many connections were interrupted, a client with one request waits for only a few of
 * them: they are served in order, some in each loop turn, after the events of the turn, with a time
 * limit of their own. */
static void again_serve(struct http_server *server)
{
    if (server->again == NULL)
        return;
    server->turn_us = 0;
    http_server_now_us(server);
    turn_lasts(server, HTTP_AGAIN_US);
    /* Those interrupted again join after the last. A handler may close any of them. */
    struct http_conn *last = server->again->ring_prev, *conn = NULL;
    for (int n = 0; n < HTTP_AGAIN_PER_TURN && conn != last && server->again != NULL; n++) {
        if (n > 0 && http_server_is_late(server))
            return;
        conn = server->again;
        http_conn_again(conn);
    }
}

static void on_more(uv_idle_t *idle)
{
    struct http_server *server = MAGIC_OF(http_server, idle->data);
    assert(server->more_runs);
    again_serve(server);
    bool streams_wait = http_stream_pump(server);
    if (server->again == NULL && !streams_wait) {
        uv_idle_stop(idle);
        server->more_runs = false;
    }
}

void http_server_more(struct http_server *server)
{
    if (server->more_runs || server->closing)
        return;
    server->more_runs = true;
    int rc = uv_idle_start(&server->more, on_more);
    assert(rc == 0);
    (void)rc;
}

/* ---- accepting ---- */

static void peer_of(const struct sockaddr_storage *name, uint8_t addr[IP_BYTES])
{
    if (name->ss_family == AF_INET6) {
        memcpy(addr, &((const struct sockaddr_in6 *)(const void *)name)->sin6_addr, IP_BYTES);
        return;
    }
    memset(addr, 0, 10);
    addr[10] = addr[11] = 0xFF;
    memcpy(addr + 12, &((const struct sockaddr_in *)(const void *)name)->sin_addr, 4);
}

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_resume(uv_timer_t *timer)
{
    struct http_server *server = MAGIC_OF(http_server, timer->data);
    if (server->listening)
        uv_poll_start(&server->listener, UV_READABLE, on_acceptable);
}

static bool accept_one(struct http_server *server)
{
    struct sockaddr_storage name = {0};
    socklen_t name_len = sizeof(name);
    int fd = accept4(server->listen_fd, (struct sockaddr *)&name, &name_len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* New connections stay in the backlog; retrying at once would only busy-loop. */
            BUG_COUNT("no-descriptor-for-a-connection");
            uv_poll_stop(&server->listener);
            uv_timer_start(&server->resume, on_resume, HTTP_EMFILE_PAUSE_MS, 0);
            return false;
        }
        return errno == ECONNABORTED || errno == EINTR;
    }
    assert(name.ss_family == AF_INET || name.ss_family == AF_INET6);
    uint8_t peer[IP_BYTES];
    peer_of(&name, peer);
    const struct http_limits *limits = &server->conf.limits;
    if (server->conns_open >= limits->connections_max ||
        (server->peers != NULL && !ip_nets_contain(&server->trusted, peer) &&
         !http_peers_add(server->peers, peer, limits->connections_per_addr_max))) {
        /* Over a limit: a fixed answer, sent without reading, is clearer than a reset. */
        static const char answer[] =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
            "Retry-After: 1\r\nConnection: close\r\nContent-Length: 96\r\n\r\n"
            "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
            "\"code\":\"too-many-connections\"}\n";
        http_count(&server->stats.refused, 1);
        (void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        shutdown(fd, SHUT_WR);
        close(fd);
    } else
        http_conn_open(server, fd, peer);
    return true;
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct http_server *server = MAGIC_OF(http_server, poll->data);
    if (status < 0)
        return;
    for (int i = 0; i < HTTP_ACCEPTS_PER_TURN && server->listening; i++) {
        if (!accept_one(server))
            return;
    }
}

static int set_on(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Without SO_REUSEPORT on a listener the kernel refuses a second one. So an `alone` listener binds
 * without it, and sets it afterwards, to share with further loops of its own process. */
static int share_port(int fd)
{
    return set_on(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

static int listen_on(const struct http_server_conf *conf, struct err_slot *err, int *out_fd,
                     uint16_t *out_port)
{
    struct sockaddr_storage name = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&name;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&name;
    socklen_t name_len = sizeof(*v4);
    if (uv_ip4_addr(conf->host, conf->port, v4) != 0) {
        if (uv_ip6_addr(conf->host, conf->port, v6) != 0)
            return err_set(err, ERR_SYNTAX, "\"%s\" is not a numeric address to listen on",
                           conf->host);
        name_len = sizeof(*v6);
    }
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    /* Connections inherit these from the listener. Both are optional. */
    set_on(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, HTTP_USER_TIMEOUT_MS);
    set_on(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, HTTP_UNSENT_MAX);
    if (set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || (!conf->alone && share_port(fd) < 0) ||
        set_on(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0 ||
        bind(fd, (struct sockaddr *)&name, name_len) < 0 || listen(fd, HTTP_LISTEN_BACKLOG) < 0 ||
        (conf->alone && share_port(fd) < 0) ||
        getsockname(fd, (struct sockaddr *)&name, &name_len) < 0) {
        int rc = err_set(err, ERR_IO, "listening on %s port %u: %s", conf->host, conf->port,
                         strerror(errno));
        close(fd);
        return rc;
    }
    *out_fd = fd;
    *out_port = ntohs(name.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
    return 0;
}

/* ---- the life of a server ---- */

void http_server_let_go(struct http_server *server)
{
    assert(server->handles_open > 0);
    if (--server->handles_open == 0) {
        MAGIC_END(http_server, server);
        assert(server->conns_open == 0 && server->handles_open == 0);
        assert(server->again == NULL && !server->listening);
        while (server->channels != NULL)
            http_channel_close(server->channels);
        while (server->pool != NULL) {
            struct http_req *req = server->pool;
            server->pool = req->next;
            free(req);
        }
        http_peers_destroy(server->peers);
        http_peers_destroy(server->visitors);
        void (*on_closed)(void *ctx) = server->on_closed;
        void *ctx = server->closed_ctx;
        free(server);
        if (on_closed != NULL)
            on_closed(ctx);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    http_server_let_go(MAGIC_OF(http_server, handle->data));
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_server *server = MAGIC_OF(http_server, handle->data);
    close(server->listen_fd);
    http_server_let_go(server);
}

static int handles_open(struct http_server *server)
{
    uv_loop_t *loop = server->conf.loop;
    int rc = uv_poll_init(loop, &server->listener, server->listen_fd);
    if (rc < 0)
        return rc;
    server->listener.data = server;
    /* None of these can fail: they only write into the handle. */
    uv_timer_init(loop, &server->tick);
    uv_timer_init(loop, &server->resume);
    uv_timer_init(loop, &server->drain_timer);
    uv_prepare_init(loop, &server->turn);
    uv_idle_init(loop, &server->more);
    server->tick.data = server->resume.data = server->drain_timer.data = server;
    server->turn.data = server->more.data = server;
    server->handles_open = 6;
    return 0;
}

int http_server_create(const struct http_server_conf *conf, struct err_slot *err,
                       struct http_server **out)
{
    assert(conf->loop != NULL && conf->router != NULL && conf->host != NULL);
    assert(conf->limits.connections_max > 0 && conf->limits.head_bytes_max > 0);
    assert(conf->limits.requests_per_turn_max > 0 && conf->limits.bytes_per_turn_max > 0);
    assert(conf->limits.headers_max > 0);
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return err_set(err, ERR_NOMEM, "HTTP server of %zu bytes", sizeof(*server));
    MAGIC_BEGIN(http_server, server);
    server->conf = *conf;
    if (conf->clock == NULL)
        server->conf.clock = clock_system();
    const char *proxies = conf->trusted_proxies;
    int rc = ip_nets_load(proxies != NULL ? span_of(proxies) : SPAN(""), err, &server->trusted);
    if (rc < 0)
        goto free_server;
    const char *header = conf->client_ip_header;
    bool usual = header == NULL || span_eq_nocase(span_of(header), SPAN("X-Forwarded-For"));
    server->client_ip_header = usual ? "" : header;
    if (conf->limits.connections_per_addr_max > 0) {
        server->peers = http_peers_create(conf->limits.connections_max);
        if (server->peers == NULL) {
            rc = err_set(err, ERR_NOMEM, "table of peers");
            goto free_server;
        }
    }
    rc = listen_on(conf, err, &server->listen_fd, &server->port);
    if (rc < 0)
        goto free_peers;
    rc = handles_open(server);
    if (rc < 0) {
        rc = err_set(err, ERR_LOOP, "watching the listener: %s", uv_strerror(rc));
        goto close_fd;
    }
    server->listening = true;
    http_wheel_init(&server->wheel, uv_now(conf->loop));
    server->batch.flush = http_conn_flush;
    uv_poll_start(&server->listener, UV_READABLE, on_acceptable);
    uv_timer_start(&server->tick, on_tick, HTTP_TICK_MS, HTTP_TICK_MS);
    uv_prepare_start(&server->turn, on_turn);
    *out = server;
    return 0;

close_fd:
    close(server->listen_fd);
free_peers:
    http_peers_destroy(server->peers);
free_server:
    free(server);
    return rc;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

const struct http_stats *http_server_stats(const struct http_server *server)
{
    return &server->stats;
}

static void drained(struct http_server *server)
{
    void (*on_drained)(void *ctx) = server->on_drained;
    server->on_drained = NULL;
    if (on_drained != NULL)
        on_drained(server->drained_ctx); /* last: the callback may close the server */
}

void http_server_conn_gone(struct http_server *server)
{
    assert(server->conns_open > 0);
    server->conns_open--;
    atomic_store_explicit(&server->stats.connections, server->conns_open, memory_order_relaxed);
    bool was_last = server->draining && server->conns_open == 0;
    bool closing = server->closing;
    http_server_let_go(server); /* may free it, if it is closing */
    if (was_last && !closing)
        drained(server);
}

static void wheel_each(struct http_server *server, bool (*is_meant)(const struct http_conn *conn))
{
    for (uint32_t slot = 0; slot < HTTP_WHEEL_SLOTS; slot++) {
        struct http_conn *conn = server->wheel.slot[slot];
        while (conn != NULL) {
            struct http_conn *next = conn->wheel_next;
            if (is_meant(conn))
                http_conn_close(conn);
            conn = next;
        }
    }
}

static bool is_any(const struct http_conn *conn)
{
    (void)conn;
    return true;
}

static void on_drain_timeout(uv_timer_t *timer)
{
    struct http_server *server = MAGIC_OF(http_server, timer->data);
    assert(server->draining);
    drained(server);
}

void http_server_drain(struct http_server *server, uint32_t timeout_ms,
                       void (*on_drained)(void *ctx), void *ctx)
{
    assert(!server->draining && !server->closing);
    server->draining = true;
    server->on_drained = on_drained;
    server->drained_ctx = ctx;
    if (server->listening) {
        /* The kernel has already accepted the connections in the backlog. */
        while (server->conns_open < server->conf.limits.connections_max && accept_one(server))
            ;
        server->listening = false;
        uv_close((uv_handle_t *)&server->listener, on_listener_closed);
    }
    http_stream_end_all(server);
    wheel_each(server, http_conn_is_silent);
    /* The timer also runs if no connection is left: on_drained is never called from here. */
    uv_timer_start(&server->drain_timer, on_drain_timeout, server->conns_open > 0 ? timeout_ms : 0,
                   0);
}

void http_server_close(struct http_server *server, void (*on_closed)(void *ctx), void *ctx)
{
    if (server == NULL)
        return;
    assert(!server->closing);
    server->closing = true;
    server->on_drained = NULL;
    server->on_closed = on_closed;
    server->closed_ctx = ctx;
    if (server->listening) {
        server->listening = false;
        uv_close((uv_handle_t *)&server->listener, on_listener_closed);
    }
    http_stream_end_all(server);
    wheel_each(server, is_any);
    uv_close((uv_handle_t *)&server->tick, on_handle_closed);
    uv_close((uv_handle_t *)&server->resume, on_handle_closed);
    uv_close((uv_handle_t *)&server->drain_timer, on_handle_closed);
    uv_close((uv_handle_t *)&server->turn, on_handle_closed);
    uv_close((uv_handle_t *)&server->more, on_handle_closed);
}
