/* http_conn.c: one connection.
 *
 * The happy path costs two system calls per request or per batch of pipelined ones: recv() into the
 * buffer of a pooled request, one send() of the handlers' answers:
 *
 *   readable -> take a struct http_req -> recv -> cut a request out -> route -> handler answers
 *            -> cut the next one out ... -> nothing left: give the http_req back -> send
 *
 * It leaves this path when it has to wait:
 *   - The request is incomplete: the http_req stays, with the bytes. A deadline for the whole head,
 *     or the whole body, runs from the first byte, so sending one byte at a time gains nothing.
 *   - A handler keeps the request (it waits for Redis, say): nothing is read meanwhile, which is
 *     the back-pressure for a pipelining client. Bytes that have arrived wait in the buffer.
 *   - A write was short: the rest is kept in order as shared blobs, and nothing is read until all
 *     of it is sent.
 *   - Other connections are due. A client that sent more requests than a turn answers, or more
 *     bytes than a read takes, continues after the events of all others, a few such clients per
 *     loop turn. So a request waits for one read and one request of each connection that became
 *     readable before it (two reads if a head is longer than one), for further pipelined requests
 *     until the turn has taken long, and for those few clients; never for all that a flood sent.
 *     The clock is read after a connection's first request and every eighth one, and after every
 *     request once half of the time is used: up to eight expensive requests behind a cheap one
 *     may pass unnoticed.
 *
 * Invariants: a connection has an http_req exactly while a request is being read or handled or
 * unread bytes wait. It is watched for writing while bytes are left to send, otherwise for reading.
 * Bytes that arrive while a handler has the request, or before the connection's next turn, end the
 * watching until then. At most one batch is open on a server, and it is closed before the loop
 * continues.
 *
 * uv_poll_t and our own recv() and send() are used instead of uv_tcp_t: a waiting visitor then
 * costs 0.3 KB instead of 0.6, reading needs no allocation callback, and writing no request. */
#include "http/http_internal.h"
#include "http/http_peers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void on_ready(uv_poll_t *poll, int status, int events);

static const struct http_limits *limits_of(const struct http_conn *conn)
{
    return &conn->server->conf.limits;
}

/* ---- watching and deadlines ---- */

static void http_conn_watch(struct http_conn *conn, int events)
{
    if (conn->closing || conn->watched == (uint8_t)events)
        return;
    conn->watched = (uint8_t)events;
    int rc = events == 0 ? uv_poll_stop(&conn->poll) : uv_poll_start(&conn->poll, events, on_ready);
    assert(rc == 0);
    (void)rc;
}

static void http_conn_deadline(struct http_conn *conn, uint32_t in_ms)
{
    uint64_t at = uv_now(conn->server->conf.loop) + in_ms;
    /* The wheel visits a connection when its slot is due and moves it on if the deadline has become
     * later. So only an earlier deadline has to be moved now. */
    bool earlier = !conn->in_wheel || at < conn->deadline_ms;
    conn->deadline_ms = at;
    if (earlier) {
        http_wheel_unlink(&conn->server->wheel, conn);
        http_wheel_link(&conn->server->wheel, conn);
    }
}

/* The timeout for the peer's next step: a request, a head or a body. */
static uint32_t patience_ms(const struct http_conn *conn)
{
    const struct http_limits *limits = limits_of(conn);
    if (conn->req == NULL)
        return limits->idle_timeout_ms;
    return conn->req->phase == HTTP_REQ_BODY ? limits->body_timeout_ms : limits->head_timeout_ms;
}

void http_conn_timed_out(struct http_conn *conn)
{
    assert(!conn->closing && !conn->in_wheel); /* the sweep has taken it out */
    struct http_req *req = conn->req;
    if (conn->in_again || (req != NULL && req->phase == HTTP_REQ_HANDLER)) {
        /* The peer waits for us: for its next turn, or for its handler. */
        http_conn_deadline(conn, limits_of(conn)->idle_timeout_ms);
        return;
    }
    if (conn->channel != NULL && conn->left == NULL) {
        http_conn_deadline(conn, limits_of(conn)->idle_timeout_ms); /* streams may be silent */
        return;
    }
    http_count(&conn->server->stats.timeouts, req != NULL || conn->left != NULL);
    if (conn->left != NULL || req == NULL) {
        http_conn_close(conn);
        return;
    }
    conn->close_after = true;
    conn->broken = true;
    http_reply_error(req, 408,
                     req->phase == HTTP_REQ_HEAD ? "the head took too long to arrive"
                                                 : "the body took too long to arrive");
}

/* ---- opening and closing ---- */

void http_conn_open(struct http_server *server, int fd, const uint8_t peer[16])
{
    assert(fd >= 0);
    struct http_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        goto close_fd;
    MAGIC_BEGIN(http_conn, conn);
    conn->server = server;
    conn->fd = fd;
    memcpy(conn->peer, peer, sizeof(conn->peer));
    conn->trusted = ip_nets_contain(&server->trusted, peer);
    if (uv_poll_init(server->conf.loop, &conn->poll, fd) < 0)
        goto free_conn;
    conn->poll.data = conn;
    server->conns_open++;
    server->handles_open++;
    http_count(&server->stats.accepted, 1);
    atomic_store_explicit(&server->stats.connections, server->conns_open, memory_order_relaxed);
    http_conn_watch(conn, UV_READABLE);
    http_conn_deadline(conn, server->conf.limits.head_timeout_ms);
    return;

free_conn:
    free(conn);
close_fd:
    if (server->peers != NULL && !ip_nets_contain(&server->trusted, peer))
        http_peers_remove(server->peers, peer);
    close(fd);
}

void http_ring_add(struct http_conn **first, struct http_conn *conn)
{
    if (*first == NULL) {
        *first = conn->ring_next = conn->ring_prev = conn;
        return;
    }
    conn->ring_next = *first;
    conn->ring_prev = (*first)->ring_prev;
    conn->ring_prev->ring_next = conn->ring_next->ring_prev = conn;
}

void http_ring_remove(struct http_conn **first, struct http_conn *conn)
{
    assert(conn->ring_prev->ring_next == conn && conn->ring_next->ring_prev == conn);
    conn->ring_prev->ring_next = conn->ring_next;
    conn->ring_next->ring_prev = conn->ring_prev;
    if (*first == conn)
        *first = conn->ring_next != conn ? conn->ring_next : NULL;
}

static void again_join(struct http_conn *conn)
{
    assert(!conn->in_again && conn->channel == NULL); /* it is in one ring at most */
    conn->in_again = true;
    http_ring_add(&conn->server->again, conn);
    http_server_more(conn->server);
}

static void again_leave(struct http_conn *conn)
{
    assert(conn->in_again);
    conn->in_again = false;
    http_ring_remove(&conn->server->again, conn);
}

static void on_closed(uv_handle_t *handle)
{
    struct http_conn *conn = MAGIC_OF(http_conn, handle->data);
    struct http_server *server = conn->server;
    assert(conn->closing && conn->req == NULL && conn->left == NULL && conn->channel == NULL);
    assert(!conn->in_wheel && !conn->in_again); /* no list points here any longer */
    close(conn->fd);
    MAGIC_END(http_conn, conn);
    free(conn);
    http_server_conn_gone(server);
}

void http_conn_close(struct http_conn *conn)
{
    if (conn->closing)
        return;
    conn->closing = true;
    struct http_server *server = conn->server;
    http_wheel_unlink(&server->wheel, conn);
    if (server->peers != NULL && !conn->trusted) /* a proxy's connections carry many visitors */
        http_peers_remove(server->peers, conn->peer);
    if (conn->in_again)
        again_leave(conn);
    if (conn->channel != NULL)
        http_stream_left(conn);
    if (conn->req != NULL) {
        struct http_req *req = MAGIC_TAKE(http_req, &conn->req);
        req->conn = NULL;
        if (req->phase == HTTP_REQ_HANDLER && !req->answered)
            server->handles_open++; /* the connection stays until the handler answers */
        else
            http_server_give_req(server, req);
    }
    struct http_left *left = conn->left;
    if (left != NULL) {
        assert(left->first <= left->count && left->count <= HTTP_BATCH_PIECES);
        for (uint32_t i = left->first; i < left->count; i++)
            http_blob_let_go(server->conf.loop, left->piece[i].blob);
        free(left);
    }
    conn->left = NULL;
    uv_close((uv_handle_t *)&conn->poll, on_closed);
}

bool http_conn_is_silent(const struct http_conn *conn)
{
    char byte;
    bool idle = conn->req == NULL && conn->left == NULL && conn->channel == NULL;
    return idle && recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* ---- writing ---- */

/* Room for the rest of a short write; from now on all output is queued there, in order. */
static bool left_begin(struct http_conn *conn)
{
    if (conn->left != NULL)
        return true;
    conn->left = calloc(1, sizeof(*conn->left));
    if (conn->left == NULL)
        return false;
    http_conn_deadline(conn, limits_of(conn)->write_timeout_ms);
    http_conn_watch(conn, UV_WRITABLE);
    return true;
}

static bool keep_blob(struct http_conn *conn, struct http_blob *blob, uint32_t at)
{
    assert(at <= blob->len);
    if (!left_begin(conn) || conn->left->count == HTTP_BATCH_PIECES)
        return false;
    conn->left->piece[conn->left->count].blob = http_blob_ref(blob);
    conn->left->piece[conn->left->count++].at = at;
    return true;
}

/* Keeps the batch except its first `sent` bytes; scratch pieces become blobs. */
static bool keep_rest(struct http_conn *conn, struct http_batch *batch, size_t sent)
{
    for (uint32_t i = 0; i < batch->pieces; i++) {
        const struct iovec *piece = &batch->piece[i];
        if (sent >= piece->iov_len) {
            sent -= piece->iov_len;
            continue;
        }
        struct span rest = {(const char *)piece->iov_base + sent, piece->iov_len - sent};
        sent = 0;
        struct http_blob *blob = batch->blob[i];
        bool kept;
        if (blob != NULL) {
            kept = keep_blob(conn, blob, (uint32_t)(rest.ptr - blob->bytes));
        } else {
            blob = http_blob_create(rest);
            kept = blob != NULL && keep_blob(conn, blob, 0);
            http_blob_unref(blob);
        }
        if (!kept)
            return false;
    }
    assert(sent == 0); /* nothing can have been sent */
    return true;
}

/* Sends at most HTTP_WRITE_MAX bytes of them. */
static ssize_t send_pieces(struct http_conn *conn, struct iovec *piece, uint32_t count)
{
    assert(count > 0 && count <= HTTP_BATCH_PIECES);
    http_count(&conn->server->stats.writes, 1);
    size_t room = HTTP_WRITE_MAX;
    uint32_t last = 0;
    while (last + 1 < count && piece[last].iov_len < room)
        room -= piece[last++].iov_len;
    size_t whole = piece[last].iov_len;
    piece[last].iov_len = whole < room ? whole : room;
    ssize_t sent;
    do {
        if (last == 0) {
            sent = syscall(SYS_sendto, conn->fd, piece->iov_base, piece->iov_len, MSG_NOSIGNAL,
                           NULL, 0);
        } else {
            struct msghdr message = {.msg_iov = piece, .msg_iovlen = last + 1};
            sent = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
        }
    } while (sent < 0 && errno == EINTR);
    piece[last].iov_len = whole;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (sent > 0)
        http_count(&conn->server->stats.bytes_out, (uint64_t)sent);
    return sent;
}

void http_conn_flush(struct http_conn *conn)
{
    struct http_batch *batch = &conn->server->batch;
    assert(batch->conn == conn);
    http_batch_seal(batch);
    if (batch->pieces == 0)
        return;
    bool good = !conn->closing && !conn->failed;
    size_t sent = 0;
    if (good && conn->left == NULL) { /* otherwise an earlier write was already short */
        ssize_t rc = send_pieces(conn, batch->piece, batch->pieces);
        good = rc >= 0;
        sent = good ? (size_t)rc : 0;
    }
    if (good && !keep_rest(conn, batch, sent))
        good = false;
    if (!good) {
        conn->failed = true;
        conn->close_after = true;
    }
    for (uint32_t i = 0; i < batch->pieces; i++)
        http_blob_unref(batch->blob[i]);
    batch->pieces = 0;
    batch->len = 0;
    batch->run_at = 0;
}

bool http_conn_send_blob(struct http_conn *conn, struct http_blob *blob)
{
    assert(conn->left == NULL && !conn->closing);
    struct iovec piece = {blob->bytes, blob->len};
    ssize_t sent = send_pieces(conn, &piece, 1);
    if (sent == (ssize_t)blob->len)
        return true;
    if (sent < 0 || !keep_blob(conn, blob, (uint32_t)sent)) {
        http_conn_close(conn);
        return false;
    }
    return true;
}

/* ---- a connection's turn ---- */

static bool is_handled(const struct http_conn *conn)
{
    return conn->req != NULL && conn->req->phase == HTTP_REQ_HANDLER;
}

/* No write, handler or stream has to finish first. */
static bool may_read(const struct http_conn *conn)
{
    return conn->left == NULL && conn->channel == NULL && !conn->lingering && !is_handled(conn);
}

struct http_conn *http_conn_turn_begin(struct http_conn *conn)
{
    struct http_batch *batch = &conn->server->batch;
    struct http_conn *before = batch->conn;
    assert(before != conn);
    if (before != NULL)
        http_conn_flush(before); /* its handler is answering us; its own turn continues later */
    batch->conn = conn;
    batch->taken = 0;
    return before;
}

void http_conn_turn_end(struct http_conn *conn, struct http_conn *before)
{
    assert(conn->server->batch.conn == conn && before != conn);
    http_conn_flush(conn);
    conn->server->batch.conn = before;
    if (conn->failed)
        http_conn_close(conn);
    if (conn->closing || conn->left != NULL)
        return; /* already watched for writing; the turn continues once all is sent */
    if (conn->close_after && !is_handled(conn)) {
        if (!conn->broken) {
            http_conn_close(conn);
            return;
        }
        /* Closing with unread bytes would send a reset, which overtakes the answer. */
        shutdown(conn->fd, SHUT_WR);
        conn->lingering = true;
        http_conn_deadline(conn, HTTP_LINGER_MS);
    }
    /* A client that sends more than a read takes is read again in the next turn, after others. */
    if (conn->filled && !conn->in_again && may_read(conn))
        again_join(conn);
    if (!conn->in_again)
        http_conn_watch(conn, UV_READABLE);
    else if (conn->watched == UV_WRITABLE)
        http_conn_watch(conn, 0); /* everything is sent */
}

/* ---- cutting requests out of what was read ---- */

static void request_reset(struct http_req *req, bool repeats)
{
    req->phase = repeats ? HTTP_REQ_AGAIN : HTTP_REQ_HEAD;
    req->repeats = repeats;
    req->answered = false;
    req->addr_known = false;
    req->has_note = false;
    req->parsed = 0;
    req->started_us = http_server_now_us(req->server);
    req->serial = ++req->server->serials;
}

static void request_begin(struct http_req *req)
{
    request_reset(req, false);
    req->match.route = NULL;
    req->match.params_len = 0;
    http_parser_begin(&req->parser, &req->server->conf.limits);
}

/* A pipelining client repeats itself. A head with exactly the bytes of the previous one means the
 * same, so the parser's results still hold: places are offsets, and parameters are moved. Returns
 * true if no parser is needed. A request with a body never counts as a repetition. */
static bool request_repeats(struct http_req *req, uint32_t before)
{
    const char *last = req->buffer + before;
    uint32_t len = req->parser.head_len;
    if (req->end - before != len || req->len - req->start < len ||
        memcmp(last, last + len, len) != 0)
        return false;
    request_reset(req, true);
    for (unsigned i = 0; i < req->match.params_len; i++)
        req->match.params[i].ptr += len;
    return true;
}

/* Makes room for `need` bytes from the request's start, which moves to the front. */
static bool request_room(struct http_req *req, uint32_t need)
{
    assert(req->phase != HTTP_REQ_AGAIN); /* its parameters point into the buffer */
    if (req->start > 0) {
        memmove(req->buffer, req->buffer + req->start, req->len - req->start);
        req->len -= req->start;
        req->start = 0;
    }
    req->parser.base = req->buffer;
    if (need <= req->cap)
        return true;
    uint32_t cap = req->cap;
    while (cap < need)
        cap = cap > UINT32_MAX / 2 ? need : cap * 2;
    bool was_inline = req->buffer == req->inline_buffer;
    char *grown = realloc(was_inline ? NULL : req->buffer, cap);
    if (grown == NULL)
        return false;
    if (was_inline)
        memcpy(grown, req->inline_buffer, req->len);
    req->buffer = grown;
    req->cap = cap;
    req->parser.base = grown;
    return true;
}

static void refuse(struct http_conn *conn, struct http_req *req, unsigned status,
                   const char *reason)
{
    conn->close_after = true;
    conn->broken = true;
    http_reply_error(req, status, reason);
}

/* The head is complete: finds the handler and decides on the body. Returns false if it answered. */
static bool head_accepted(struct http_conn *conn, struct http_req *req)
{
    struct http_parser *parser = &req->parser;
    if (parser->head_len > limits_of(conn)->head_bytes_max) {
        refuse(conn, req, 431, "the head is too long");
        return false;
    }
    struct span expect = http_req_header(req, HTTP_HEADER_EXPECT);
    if (expect.ptr != NULL && !span_eq_nocase(expect, SPAN("100-continue"))) {
        refuse(conn, req, 417, "the only expectation known is 100-continue");
        return false;
    }
    http_router_find(conn->server->conf.router, parser->method, http_req_path(req), &req->match);
    bool has_body = parser->chunked || parser->content_length > 0;
    if (!has_body)
        return true;
    if (req->match.route == NULL) { /* handle() answers 404 or 405; the body is not read */
        conn->close_after = true;
        conn->broken = true;
        return true;
    }
    uint32_t body_max = req->match.route->body_max;
    if (body_max == 0 || parser->content_length > body_max) {
        refuse(conn, req, 413, "the body is larger than this call takes");
        return false;
    }
    uint32_t body_room = parser->chunked ? HTTP_BUFFER_LEN : (uint32_t)parser->content_length;
    if (!request_room(req, parser->head_len + body_room)) {
        refuse(conn, req, 503, "no memory for the body");
        return false;
    }
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (req->parser.known[HTTP_HEADER_EXPECT] != 0 && req->parser.llhttp.http_minor > 0)
        http_batch_add(&req->server->batch, line, sizeof(line) - 1);
    req->phase = HTTP_REQ_BODY;
    http_conn_deadline(conn, limits_of(conn)->body_timeout_ms);
    return true;
}

/* A body of known length needs only enough bytes; a chunked one is decoded as it comes. */
static enum http_parse_result body_read(struct http_req *req)
{
    struct http_parser *parser = &req->parser;
    uint32_t have = req->len - req->start;
    assert(req->match.route != NULL && parser->head_len > 0 && parser->head_len <= have);
    if (!parser->chunked) {
        uint64_t whole = parser->head_len + parser->content_length;
        if (have < whole)
            return HTTP_PARSE_MORE;
        parser->body_len = (uint32_t)parser->content_length;
        req->end = req->start + (uint32_t)whole;
        return HTTP_PARSE_DONE;
    }
    uint32_t used = 0;
    enum http_parse_result result =
        http_parser_chunked(parser, req->buffer + req->start, req->parsed, have, &used);
    uint32_t body_max = req->match.route->body_max;
    /* A chunk of one byte takes six on the wire; more overhead than that is noise. */
    bool noise = parser->raw_len / 8 > body_max + HTTP_BUFFER_LEN;
    if (result != HTTP_PARSE_ERROR && (parser->body_len > body_max || noise)) {
        parser->status = 413;
        parser->reason = "the body is larger than this call takes";
        return HTTP_PARSE_ERROR;
    }
    if (result == HTTP_PARSE_MORE) /* the decoded part is contiguous; the next bytes follow it */
        req->len = req->start + parser->head_len + parser->body_len;
    req->end = req->start + used;
    return result;
}

/* No route matched: answers whether the path or the method is unknown. */
static void reply_no_route(struct http_req *req)
{
    char line[96];
    struct text headers = text_on(line, sizeof(line));
    if (req->match.status != 404)
        http_allow_write(req->match.allow, &headers);
    if (req->match.status == 204) {
        http_reply(req, &(struct http_reply){.status = 204, .headers = text_span(&headers)});
        return;
    }
    bool known = req->match.status == 405;
    http_problem_reply(
        req, &(struct http_problem){.status = req->match.status,
                                    .code = known ? "method-not-allowed" : "not-found",
                                    .detail = known ? "This address does not know this method."
                                                    : "There is nothing at this address.",
                                    .headers = text_span(&headers)});
}

/* The guard comes first: callers without permission do not learn which routes exist. */
static void handle(struct http_conn *conn, struct http_req *req)
{
    if (http_cors_preflight(req) || !http_router_pass(conn->server->conf.router, req))
        return;
    const struct http_route *route = req->match.route;
    if (route == NULL)
        reply_no_route(req);
    else
        route->handler(req);
}

enum step {
    STEP_MORE,     /* the request is incomplete */
    STEP_ANSWERED, /* the next one may follow */
    STEP_AWAY,     /* a handler keeps it, or the connection is closed or has become a stream */
};

static enum step request_step(struct http_conn *conn, struct http_req *req)
{
    struct http_parser *parser = &req->parser;
    enum http_parse_result result = HTTP_PARSE_DONE;
    if (req->phase == HTTP_REQ_AGAIN)
        req->end = req->start + parser->head_len;
    if (req->phase == HTTP_REQ_HEAD) {
        result =
            http_parser_head(parser, req->buffer + req->start, req->parsed, req->len - req->start);
        if (result == HTTP_PARSE_HEAD) {
            req->parsed = parser->head_len;
            req->end = req->start + parser->head_len;
            if (!head_accepted(conn, req))
                return STEP_ANSWERED;
            result = HTTP_PARSE_DONE;
        }
    }
    if (req->phase == HTTP_REQ_BODY)
        result = body_read(req);
    if (result == HTTP_PARSE_MORE) {
        req->parsed = req->len - req->start;
        return STEP_MORE;
    }
    if (result == HTTP_PARSE_ERROR) {
        http_count(&conn->server->stats.malformed, 1);
        refuse(conn, req, parser->status, parser->reason);
        return STEP_ANSWERED;
    }
    assert(!req->answered && req->end <= req->len);
    if (!req->parser.keep_alive)
        conn->close_after = true;
    if (req->phase == HTTP_REQ_BODY) /* the buffer, where parameters point, may have moved */
        http_router_find(conn->server->conf.router, req->parser.method, http_req_path(req),
                         &req->match);
    req->phase = HTTP_REQ_HANDLER;
    http_count(&conn->server->stats.requests, 1);
    struct panic_work before = panic_work_begin(http_req_describe, req);
    handle(conn, req);
    panic_work_end(before);
    /* The handler may have closed the connection, which frees the request. */
    return conn->req == req && req->answered ? STEP_ANSWERED : STEP_AWAY;
}

static void request_over(struct http_conn *conn)
{
    http_server_give_req(conn->server, MAGIC_TAKE(http_req, &conn->req));
}

static bool is_turn_over(const struct http_conn *conn, uint32_t requests)
{
    const struct http_limits *limits = limits_of(conn);
    if (requests == 0)
        return false; /* each turn serves at least one request, whatever it costs */
    return requests >= limits->requests_per_turn_max ||
           conn->server->batch.taken >= limits->bytes_per_turn_max ||
           ((requests % HTTP_REQUESTS_A_LOOK == 1 || conn->server->late_soon) &&
            http_server_is_late(conn->server));
}

/* Cuts out and answers one request after another, until no bytes are left or the turn is over. */
static void requests_run(struct http_conn *conn)
{
    struct http_req *req = conn->req;
    for (uint32_t n = 0; !is_turn_over(conn, n); n++) {
        assert(req->start <= req->len && req->len <= req->cap);
        bool begins = req->parsed == 0;
        enum step step = request_step(conn, req);
        if (step == STEP_AWAY)
            return;
        if (step == STEP_MORE) {
            uint32_t head_max = limits_of(conn)->head_bytes_max;
            if (req->phase == HTTP_REQ_HEAD && req->parsed > head_max) {
                refuse(conn, req, 431, "the head is too long");
                request_over(conn);
            } else if (req->phase == HTTP_REQ_HEAD && begins) {
                http_conn_deadline(conn, limits_of(conn)->head_timeout_ms);
            }
            return;
        }
        uint32_t before = req->start;
        req->start = req->end;
        if (conn->close_after || req->start == req->len) {
            request_over(conn);
            http_conn_deadline(conn, limits_of(conn)->idle_timeout_ms);
            return;
        }
        if (!request_repeats(req, before))
            request_begin(req);
        if (conn->left != NULL)
            return; /* continues once all is sent */
    }
    again_join(conn);
}

/* Requests wait in the buffer, and nothing keeps them from being served. */
static bool is_waiting(const struct http_conn *conn)
{
    const struct http_req *req = conn->req;
    return req != NULL && may_read(conn) && !conn->in_again && req->len - req->start > req->parsed;
}

static void run_waiting(struct http_conn *conn)
{
    if (is_waiting(conn))
        requests_run(conn);
}

void http_conn_continue(struct http_conn *conn)
{
    struct http_req *req = conn->req;
    assert(req != NULL && req->answered);
    req->start = req->end;
    if (conn->close_after || req->start == req->len) {
        request_over(conn);
        http_conn_deadline(conn, limits_of(conn)->idle_timeout_ms);
        return;
    }
    request_begin(req);
    run_waiting(conn);
}

/* ---- events of the loop ---- */

static void on_writable(struct http_conn *conn)
{
    struct http_left *left = conn->left;
    assert(left->first < left->count && left->count <= HTTP_BATCH_PIECES);
    struct iovec piece[HTTP_BATCH_PIECES];
    uint32_t count = 0;
    for (uint32_t i = left->first; i < left->count; i++, count++) {
        struct http_blob *blob = left->piece[i].blob;
        piece[count].iov_base = blob->bytes + left->piece[i].at;
        piece[count].iov_len = blob->len - left->piece[i].at;
    }
    ssize_t sent = send_pieces(conn, piece, count);
    if (sent < 0) {
        http_conn_close(conn);
        return;
    }
    if (sent > 0)
        http_conn_deadline(conn, limits_of(conn)->write_timeout_ms);
    while (left->first < left->count && sent > 0) {
        uint32_t room = left->piece[left->first].blob->len - left->piece[left->first].at;
        if ((size_t)sent < room) {
            left->piece[left->first].at += (uint32_t)sent;
            break;
        }
        sent -= room;
        http_blob_let_go(conn->server->conf.loop, left->piece[left->first++].blob);
    }
    if (left->first < left->count)
        return;
    free(left);
    conn->left = NULL;
    if (conn->channel != NULL && !conn->close_after) {
        http_conn_watch(conn, UV_READABLE);
        http_stream_drained(conn);
        return;
    }
    http_conn_deadline(conn, patience_ms(conn));
    struct http_conn *before = http_conn_turn_begin(conn);
    run_waiting(conn);
    http_conn_turn_end(conn, before);
}

static bool request_take(struct http_conn *conn)
{
    if (conn->req == NULL) {
        conn->req = http_server_take_req(conn->server);
        if (conn->req == NULL)
            return false;
        conn->req->conn = conn;
        conn->req->trusted = conn->trusted;
        memcpy(conn->req->peer, conn->peer, sizeof(conn->peer));
        request_begin(conn->req);
    }
    struct http_req *req = conn->req;
    if (req->len < req->cap)
        return true;
    uint32_t used = req->len - req->start;
    if (req->start > 0)
        return request_room(req, used);
    return request_room(req, used < UINT32_MAX / 2 ? used * 2 : UINT32_MAX);
}

/* One read. Returns false if there is nothing to read or the connection is closed. */
static bool bytes_take(struct http_conn *conn)
{
    if (!request_take(conn)) {
        http_conn_close(conn);
        return false;
    }
    struct http_req *req = conn->req;
    bool was_idle = req->len == 0;
    uint32_t room = req->cap - req->len < HTTP_READ_MAX ? req->cap - req->len : HTTP_READ_MAX;
    ssize_t got;
    do {
        /* The C library's recv() and send() are cancellation points, which costs a threaded program
         * four locked instructions per request. Nothing here cancels a loop. */
        got = syscall(SYS_recvfrom, conn->fd, req->buffer + req->len, room, 0, NULL, NULL);
    } while (got < 0 && errno == EINTR);
    conn->filled = got == (ssize_t)room;
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            http_conn_close(conn);
        else if (was_idle)
            request_over(conn);
        return false;
    }
    http_count(&conn->server->stats.bytes_in, (uint64_t)got);
    req->len += (uint32_t)got;
    return true;
}

/* A read was filled by the beginning of one head: a visitor with many cookies, say. */
static bool is_head_cut(const struct http_conn *conn)
{
    const struct http_req *req = conn->req;
    return conn->filled && req != NULL && req->phase == HTTP_REQ_HEAD && req->start == 0;
}

static void turn_take(struct http_conn *conn)
{
    struct http_conn *before = http_conn_turn_begin(conn);
    requests_run(conn);
    if (is_head_cut(conn) && request_room(conn->req, limits_of(conn)->head_bytes_max) &&
        bytes_take(conn))
        requests_run(conn);
    http_conn_turn_end(conn, before);
}

/* Buffered bytes come first; bytes in the kernel get a turn of their own. */
void http_conn_again(struct http_conn *conn)
{
    assert(!conn->closing);
    again_leave(conn);
    if (!may_read(conn))
        return; /* continues once all is sent */
    if (is_waiting(conn) || bytes_take(conn))
        turn_take(conn);
    else
        http_conn_watch(conn, UV_READABLE);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct http_conn *conn = MAGIC_OF(http_conn, poll->data);
    if (conn->closing)
        return;
    if (status < 0) {
        http_conn_close(conn);
        return;
    }
    if ((events & UV_WRITABLE) != 0 && conn->left != NULL)
        on_writable(conn);
    else if (conn->channel != NULL || conn->lingering) {
        /* The reader of a stream sends nothing more, and a refused sender is not read; both can
         * only hang up. */
        char waste[2048];
        ssize_t got = recv(conn->fd, waste, sizeof(waste), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            http_conn_close(conn);
    } else if ((events & UV_READABLE) != 0 && conn->left == NULL) {
        /* Its handler's answer, or its next turn, comes first. The bytes wait in the kernel. */
        if (conn->in_again || is_handled(conn))
            http_conn_watch(conn, 0);
        else if (bytes_take(conn))
            turn_take(conn);
    }
}
