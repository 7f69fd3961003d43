/* wire.c: see wire.h. Each request has its own connection, and its response is one batch. */
#include "queue/front/wire.h"

#include "stage/sim.h"

#include "http/http_internal.h"

#include <stdlib.h>

static_assert((int)WIRE_REQUEST_MAX == (int)HTTP_BUFFER_LEN, "a request need not grow");

struct wire {
    struct http_conn conn; /* first: responses return a pointer to it */
    struct http_req req;
    void (*on_answer)(void *ctx, struct span answer);
    void *ctx;
};

struct http_channel {
    struct http_server *server;
};

/* ---- the server ---- */

static void overfull(struct http_conn *conn)
{
    (void)conn;
    assert(false); /* every response of this world fits in a batch */
}

struct http_server *wire_server(const struct clock *clock, void *loop_ctx)
{
    struct http_server *server = sim_new(sizeof(*server));
    MAGIC_BEGIN(http_server, server);
    server->conf.clock = clock;
    server->conf.loop_ctx = loop_ctx;
    server->conf.limits =
        (struct http_limits){.url_bytes_max = 4096, .headers_max = HTTP_HEADERS_CAP};
    server->client_ip_header = "";
    server->batch.flush = overfull;
    memset(server->ok, ' ', sizeof(server->ok));
    memcpy(server->ok, "HTTP/1.1 200 OK\r\nDate: ", HTTP_OK_LEN);
    return server;
}

const struct http_stats *http_server_stats(const struct http_server *server)
{
    return &server->stats;
}

uint64_t http_server_now_us(struct http_server *server)
{
    return clock_mono_us(server->conf.clock);
}

uint64_t http_server_wall_s(struct http_server *server)
{
    return clock_wall_us(server->conf.clock) / 1000000;
}

const char *http_server_ok(struct http_server *server)
{
    return server->ok;
}

struct span http_server_date(struct http_server *server)
{
    return (struct span){server->ok + HTTP_OK_LEN, HTTP_DATE_LEN};
}

/* Clients of this world never hang up, so no request outlives its connection. */
void http_server_give_req(struct http_server *server, struct http_req *req)
{
    (void)server;
    (void)req;
    assert(false);
}

void http_server_let_go(struct http_server *server)
{
    (void)server;
    assert(false);
}

/* ---- a connection ---- */

struct http_conn *http_conn_turn_begin(struct http_conn *conn)
{
    struct http_batch *batch = &conn->server->batch;
    assert(batch->conn == NULL);
    batch->conn = conn;
    batch->pieces = batch->run_at = batch->len = 0;
    batch->taken = 0;
    return NULL;
}

void http_conn_continue(struct http_conn *conn)
{
    assert(conn->req->answered);
}

void http_conn_turn_end(struct http_conn *conn, struct http_conn *before)
{
    struct wire *wire = (struct wire *)conn;
    struct http_batch *batch = &conn->server->batch;
    size_t len = 0;
    http_batch_seal(batch);
    for (uint32_t i = 0; i < batch->pieces; i++)
        len += batch->piece[i].iov_len;
    struct text answer = text_on(sim_new(len), len);
    assert(before == NULL);
    for (uint32_t i = 0; i < batch->pieces; i++) {
        text_add(&answer, batch->piece[i].iov_base, batch->piece[i].iov_len);
        http_blob_unref(batch->blob[i]);
    }
    batch->conn = NULL;
    wire->on_answer(wire->ctx, text_span(&answer));
    free(answer.ptr);
    free(wire);
}

void wire_request(struct http_server *server, const struct wire_ask *ask)
{
    struct wire *wire = sim_new(sizeof(*wire));
    assert(ask->request.len <= WIRE_REQUEST_MAX);
    wire->on_answer = ask->on_answer;
    wire->ctx = ask->ctx;
    struct http_req *req = &wire->req;
    wire->conn.server = req->server = server;
    wire->conn.req = req;
    req->conn = &wire->conn;
    MAGIC_BEGIN(http_req, req);
    memcpy(req->peer, ask->addr, sizeof(req->peer));
    req->serial = ++server->serials;
    req->started_us = http_server_now_us(server);
    req->buffer = req->inline_buffer;
    req->len = req->end = (uint32_t)ask->request.len;
    memcpy(req->buffer, ask->request.ptr, ask->request.len);
    http_parser_begin(&req->parser, &server->conf.limits);
    enum http_parse_result parsed = http_parser_head(&req->parser, req->buffer, 0, req->len);
    assert(parsed == HTTP_PARSE_HEAD);
    req->parser.body_len = (uint32_t)req->parser.content_length;
    assert(req->parser.head_len + req->parser.body_len == req->len);
    http_router_find(ask->routes, req->parser.method, http_req_path(req), &req->match);
    assert(req->match.route != NULL);
    req->phase = HTTP_REQ_HANDLER;
    req->match.route->handler(req);
}

/* ---- streams, which nobody reads here ---- */

int http_channel_create(struct http_server *server, const struct http_channel_conf *conf,
                        struct err_slot *err, struct http_channel **out)
{
    (void)conf;
    (void)err;
    *out = sim_new(sizeof(**out));
    (*out)->server = server;
    return 0;
}

void http_channel_publish(struct http_channel *channel, struct http_blob *blob)
{
    (void)channel;
    (void)blob;
    assert(false);
}

uint32_t http_channel_streams(const struct http_channel *channel)
{
    (void)channel;
    return 0;
}

void http_channel_close(struct http_channel *channel)
{
    free(channel);
}

void http_reply_stream(struct http_req *req, struct http_channel *channel, struct http_blob *first,
                       struct span headers)
{
    (void)req;
    (void)channel;
    (void)first;
    (void)headers;
    assert(false);
}
