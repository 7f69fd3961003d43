/* http_reply.c: turns a handler's answer into bytes in the server's one batch, and the batch into
 * one write. Small answers are composed in scratch memory; a large shared body is a piece of its
 * own and is not copied.
 *
 * An answer given within the handler's call joins the batch of the turn. A later one opens a turn
 * for its connection, which then also serves the requests that waited behind it. An answer to a
 * visitor who has disconnected only returns the request to the pool. */
#include "base/bug.h"
#include "http/http_internal.h"

#include <stdarg.h>

/* Adds a body of any length. One longer than the batch is copied once, into a blob: in chunks it
 * could leave more pieces unsent than a connection can keep. */
static void add_body(struct http_batch *batch, struct span body)
{
    if (body.len <= HTTP_BATCH_BYTES) {
        http_batch_add(batch, body.ptr, body.len);
        return;
    }
    struct http_blob *blob = http_blob_create(body);
    if (blob == NULL) { /* no memory: the length is already announced, so the connection ends */
        BUG_COUNT("answer-without-memory");
        batch->conn->failed = true;
        batch->conn->close_after = true;
        return;
    }
    http_batch_blob(batch, blob, blob->len);
    http_blob_unref(blob);
}

/* ---- answers ---- */

enum {
    HEAD_BYTES_MAX = 320, /* the head of http_reply(), without the handler's own lines */
    STATUSES = 600,
};

const char *http_status_text(unsigned status)
{
    static const char *const texts[STATUSES] = {
        [200] = "OK",
        [201] = "Created",
        [202] = "Accepted",
        [204] = "No Content",
        [302] = "Found",
        [303] = "See Other",
        [304] = "Not Modified",
        [307] = "Temporary Redirect",
        [308] = "Permanent Redirect",
        [400] = "Bad Request",
        [401] = "Unauthorized",
        [402] = "Payment Required",
        [403] = "Forbidden",
        [404] = "Not Found",
        [405] = "Method Not Allowed",
        [406] = "Not Acceptable",
        [408] = "Request Timeout",
        [409] = "Conflict",
        [410] = "Gone",
        [412] = "Precondition Failed",
        [413] = "Content Too Large",
        [414] = "URI Too Long",
        [415] = "Unsupported Media Type",
        [417] = "Expectation Failed",
        [421] = "Misdirected Request",
        [422] = "Unprocessable Content",
        [428] = "Precondition Required",
        [429] = "Too Many Requests",
        [431] = "Request Header Fields Too Large",
        [500] = "Internal Server Error",
        [501] = "Not Implemented",
        [502] = "Bad Gateway",
        [503] = "Service Unavailable",
        [504] = "Gateway Timeout",
        [505] = "HTTP Version Not Supported",
    };
    return status < STATUSES && texts[status] != NULL ? texts[status] : "Status";
}

/* Most answers are 200s to polls, so the start of those is written once a second. */
static void put_status_line(struct text *head, struct http_server *server, unsigned status)
{
    const char *ok = http_server_ok(server);
    if (status == 200) {
        text_add(head, ok, HTTP_OK_LEN + HTTP_DATE_LEN);
        return;
    }
    TEXT_LIT(head, "HTTP/1.1 ");
    text_u64(head, status);
    text_char(head, ' ');
    text_str(head, http_status_text(status));
    TEXT_LIT(head, "\r\nDate: ");
    text_add(head, ok + HTTP_OK_LEN, HTTP_DATE_LEN);
}

bool http_answer_begin(struct http_req *req, struct http_answer *answer)
{
    assert(!req->answered);
    if (req->conn == NULL) {
        struct http_server *server = req->server;
        http_req_leave_rooms(req);
        http_server_give_req(server, req);
        http_server_let_go(server);
        return false;
    }
    assert(req->conn->req == req && req->phase != HTTP_REQ_AGAIN);
    if (req->server->draining)
        req->conn->close_after = true;
    answer->late = req->server->batch.conn != req->conn;
    answer->before = answer->late ? http_conn_turn_begin(req->conn) : NULL;
    return true;
}

static void answer_count(struct http_req *req, unsigned status)
{
    struct http_server *server = req->server;
    unsigned class = status / 100;
    http_count(&server->stats.status[class < 6 ? class : 5], 1);
    if (server->conf.on_answered != NULL)
        server->conf.on_answered(server->conf.loop_ctx, req, status,
                                 http_server_now_us(server) - req->started_us);
}

void http_answer_end_turn(struct http_conn *conn, const struct http_answer *answer)
{
    if (answer->late)
        http_conn_turn_end(conn, answer->before);
}

static void answer_end(struct http_req *req, unsigned status, const struct http_answer *answer)
{
    struct http_conn *conn = req->conn;
    assert(conn != NULL && conn->req == req);
    answer_count(req, status);
    http_req_leave_rooms(req);
    req->answered = true;
    if (answer->late)
        http_conn_continue(conn);
    http_answer_end_turn(conn, answer);
}

void http_answer_stream(struct http_req *req, const struct http_answer *answer, bool ends)
{
    struct http_conn *conn = req->conn;
    assert(conn != NULL && conn->req == req);
    answer_count(req, 200);
    http_req_leave_rooms(req);
    req->answered = true;
    conn->close_after = true; /* a stream that begins resets it */
    if (!ends || answer->late) {
        conn->req = NULL;
        http_server_give_req(req->server, req);
    }
}

static bool has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

void http_reply(struct http_req *req, const struct http_reply *reply)
{
    assert(reply->blob == NULL || reply->body.len == 0);
    assert(reply->status >= 200 && reply->status <= 599);
    struct http_answer answer;
    if (!http_answer_begin(req, &answer))
        return;
    struct http_conn *conn = req->conn;
    struct http_batch *batch = &req->server->batch;
    uint32_t body_len = reply->blob != NULL ? reply->blob->len : (uint32_t)reply->body.len;
    if (reply->close)
        conn->close_after = true;

    http_batch_room(batch, HEAD_BYTES_MAX); /* composed in place */
    struct text head = text_on(batch->scratch + batch->len, HEAD_BYTES_MAX);
    put_status_line(&head, req->server, reply->status);
    if (reply->type != NULL) {
        TEXT_LIT(&head, "\r\nContent-Type: ");
        text_str(&head, reply->type);
    }
    if (has_body(reply->status)) {
        TEXT_LIT(&head, "\r\nContent-Length: ");
        text_u64(&head, body_len);
    }
    if (conn->close_after)
        TEXT_LIT(&head, "\r\nConnection: close");
    TEXT_LIT(&head, "\r\n");
    assert(!head.overflown);
    batch->len += (uint32_t)head.len;
    if (req->server->conf.origins != NULL)
        http_cors_add(req, batch);
    if (reply->headers.len > 0)
        http_batch_add(batch, reply->headers.ptr, reply->headers.len);
    http_batch_add(batch, "\r\n", 2);
    if (!req->parser.is_head && has_body(reply->status)) {
        if (reply->blob != NULL)
            http_batch_blob(batch, reply->blob, body_len);
        else if (body_len > 0)
            add_body(batch, reply->body);
    }
    answer_end(req, reply->status, &answer);
}

void http_reply_raw(struct http_req *req, struct http_blob *blob, uint32_t head_len)
{
    assert(head_len >= 16 && head_len <= blob->len);
    struct http_answer answer;
    if (!http_answer_begin(req, &answer))
        return;
    http_batch_blob(&req->server->batch, blob, req->parser.is_head ? head_len : blob->len);
    unsigned status = (unsigned)(blob->bytes[9] - '0') * 100; /* "HTTP/1.1 200": the class */
    answer_end(req, status, &answer);
}

void http_reply_cut(struct http_req *req, struct span bytes, unsigned status)
{
    struct http_answer answer;
    if (!http_answer_begin(req, &answer))
        return;
    req->conn->close_after = true;
    if (bytes.len > 0)
        http_batch_add(&req->server->batch, bytes.ptr, bytes.len);
    answer_end(req, status, &answer);
}

void http_header_add(struct text *headers, const char *name, struct span value)
{
    assert(value.len == 0 || (memchr(value.ptr, '\r', value.len) == NULL &&
                              memchr(value.ptr, '\n', value.len) == NULL));
    text_str(headers, name);
    TEXT_LIT(headers, ": ");
    text_put(headers, value);
    TEXT_LIT(headers, "\r\n");
}

/* ---- problems ---- */

static struct http_bound bounds[] = {
    {"codes-full", 0},       {"events-full", 0},       {"full", 0},
    {"line-full", 0},        {"login-busy", 0},        {"overloaded", 0},
    {"prices-full", 0},      {"too-many-events", 0},   {"too-many-pictures", 0},
    {"too-many-refunds", 0}, {"too-many-scanners", 0}, {"too-many-scrapes", 0},
    {"too-many-streams", 0},
};
enum { BOUNDS = sizeof(bounds) / sizeof(bounds[0]) };

const struct http_bound *http_bounds(size_t *len)
{
    *len = BOUNDS;
    return bounds;
}

void http_bound_count(const char *code)
{
    for (size_t i = 0; i < BOUNDS; i++) {
        if (strcmp(code, bounds[i].code) == 0) /* relaxed: a statistic that orders nothing */
            atomic_fetch_add_explicit(&bounds[i].refused, 1, memory_order_relaxed);
    }
}

void http_problem_reply(struct http_req *req, const struct http_problem *problem)
{
    http_bound_count(problem->code);
    char memory[8192];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_cstr(&body, "type", "about:blank");
    json_member_cstr(&body, "title", http_status_text(problem->status));
    json_member_u64(&body, "status", problem->status);
    json_member_cstr(&body, "code", problem->code);
    json_member_cstr(&body, "detail", problem->detail);
    if (problem->members.len > 0) {
        text_char(&body, ',');
        text_put(&body, problem->members);
    }
    if (problem->retry_after_s > 0)
        json_member_u64(&body, "retry_after_s", problem->retry_after_s);
    json_close(&body, '}');
    assert(!body.overflown);

    char lines[1024];
    struct text headers = text_on(lines, sizeof(lines));
    TEXT_LIT(&headers, "Cache-Control: no-store\r\n");
    if (problem->retry_after_s > 0) {
        TEXT_LIT(&headers, "Retry-After: ");
        text_u64(&headers, problem->retry_after_s);
        TEXT_LIT(&headers, "\r\n");
    }
    text_put(&headers, problem->headers);
    assert(!headers.overflown);
    http_reply(req, &(struct http_reply){.status = problem->status,
                                         .type = "application/problem+json",
                                         .headers = text_span(&headers),
                                         .body = text_span(&body)});
}

void http_problem(struct http_req *req, unsigned status, const char *code, const char *detail, ...)
{
    char memory[512];
    struct text sentence = text_on(memory, sizeof(memory) - 1);
    va_list args;
    va_start(args, detail);
    text_vprintf(&sentence, detail, args);
    va_end(args);
    memory[sentence.len] = '\0';
    http_problem_reply(req,
                       &(struct http_problem){.status = status, .code = code, .detail = memory});
}

static const char *error_code(unsigned status)
{
    static const char *const codes[STATUSES] = {
        [408] = "request-timeout",    [413] = "body-too-large", [414] = "target-too-long",
        [417] = "expectation-failed", [431] = "head-too-large", [501] = "not-implemented",
        [503] = "overloaded",         [505] = "http-version",
    };
    return status < STATUSES && codes[status] != NULL ? codes[status] : "bad-request";
}

void http_reply_error(struct http_req *req, unsigned status, const char *reason)
{
    http_problem_reply(req, &(struct http_problem){.status = status,
                                                   .code = error_code(status),
                                                   .detail = reason,
                                                   .retry_after_s = status == 503 ? 1 : 0});
}
