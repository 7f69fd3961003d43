/* http.h: what a handler uses: requests, replies, streams, and the router.
 *
 * Everything here belongs to one loop and is called on that loop's thread, except http_blob, whose
 * count is atomic, and a router, which is read-only once its servers run.
 *
 * A handler answers each request exactly once: now, or later if it keeps the pointer. If the
 * visitor disconnects meanwhile, the handler must still answer; the answer is dropped. So no
 * handler has to check whether a request is alive. After the answer the pointer is dangling. */
#ifndef FG_HTTP_HTTP_H
#define FG_HTTP_HTTP_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct http_req;
struct http_server; /* http_server.h: one listener on one loop */
struct uv_loop_s;   /* uv_loop_t */

enum http_method {
    HTTP_METHOD_GET, /* HEAD runs the GET handler; the body is left out */
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_COUNT,
};

const char *http_method_name(enum http_method method);

/* Headers that handlers read by number; found while parsing, at no later cost. */
enum http_header {
    HTTP_HEADER_HOST,
    HTTP_HEADER_AUTHORIZATION,
    HTTP_HEADER_COOKIE,
    HTTP_HEADER_CONTENT_TYPE,
    HTTP_HEADER_ACCEPT,
    HTTP_HEADER_ACCEPT_ENCODING,
    HTTP_HEADER_ACCEPT_LANGUAGE,
    HTTP_HEADER_IDEMPOTENCY_KEY,
    HTTP_HEADER_IF_MATCH,
    HTTP_HEADER_IF_NONE_MATCH,
    HTTP_HEADER_TRACEPARENT,
    HTTP_HEADER_USER_AGENT,
    HTTP_HEADER_X_FORWARDED_FOR,
    HTTP_HEADER_X_FORWARDED_PROTO,
    HTTP_HEADER_ORIGIN,
    HTTP_HEADER_REFERER,
    HTTP_HEADER_LAST_EVENT_ID,
    HTTP_HEADER_EXPECT,
    HTTP_HEADER_COUNT,
};

enum http_method http_req_method(const struct http_req *req);
struct span http_req_path(const struct http_req *req);  /* as sent, without the query */
struct span http_req_query(const struct http_req *req); /* after '?'; without one, "not there" */
struct span http_req_header(const struct http_req *req, enum http_header header);
struct span http_req_header_named(const struct http_req *req, struct span name); /* any other */
struct span http_req_body(const struct http_req *req);
/* The n-th {parameter} of the route, as sent. Percent signs are left alone: ids never need them. */
struct span http_req_param(const struct http_req *req, unsigned n);
/* The raw value of name= in the query; use http_url_decode() for text. */
struct span http_req_query_arg(const struct http_req *req, struct span name);
/* The value of a cookie; if several have that name, the first. */
struct span http_req_cookie(const struct http_req *req, struct span name);
/* "Authorization: Bearer X" returns X; anything else is "not there". */
struct span http_req_bearer(const struct http_req *req);
/* The visitor's address: the peer's, or the one in the header of a trusted proxy (http_hops.h).
 * Always 16 bytes; IPv4 as ::ffff:a.b.c.d. */
const uint8_t *http_req_addr(const struct http_req *req);
/* The visitor uses TLS, according to a trusted proxy: cookies get Secure. */
bool http_req_is_tls(const struct http_req *req);
/* This request has the same bytes as the previous one on its connection: a pipelining client. So
 * results computed from the previous headers are still valid. */
bool http_req_repeats(const struct http_req *req);
uint64_t http_req_started_us(const struct http_req *req); /* monotonic, at its first byte */
/* Prefetches the memory of a request that its handler kept and is about to answer. */
void http_req_prefetch(const struct http_req *req);
/* A number that is unique among the requests of its server. The pointer is not: the next pipelined
 * request reuses the struct http_req, often before the previous answer's call returns. */
uint64_t http_req_serial(const struct http_req *req);
struct http_server *http_req_server(const struct http_req *req);
void *http_req_loop_ctx(const struct http_req *req);  /* the server's conf.loop_ctx */
void *http_req_route_ctx(const struct http_req *req); /* the ctx of the matched route */
/* Memory for the handler, zeroed, valid until the response. */
enum { HTTP_NOTE_BYTES = 32 };
void *http_req_note(struct http_req *req);
/* More such memory, zeroed. The response calls end() (may be NULL), clears a leading magic number,
 * and frees it. Returns NULL if there is no memory. */
void *http_req_room(struct http_req *req, size_t size, void (*end)(void *room));
/* The matched route; NULL if none matched (the server answers 404, 405 or 204). */
const struct http_route *http_req_route(const struct http_req *req);

/* Decodes %XX and (where plus_is_space) '+'; false on bad escapes or if it does not fit. */
bool http_url_decode(struct span raw, bool plus_is_space, struct text *out);

/* Immutable bytes shared by many answers and loops, freed with the last reference. */
struct http_blob {
    _Atomic uint32_t refs;
    uint32_t len;
    char bytes[];
};

struct http_blob *http_blob_create(struct span bytes); /* one reference, the caller's; or NULL */
/* The same, uninitialized: the caller fills it before sharing it, and may shorten it. */
struct http_blob *http_blob_room(size_t len);
struct http_blob *http_blob_ref(struct http_blob *blob);
void http_blob_unref(struct http_blob *blob); /* NULL is fine */
/* Unrefs a blob that may be large, on a loop. */
void http_blob_let_go(struct uv_loop_s *loop, struct http_blob *blob);
/* Destroys on the thread pool: returning megabytes to the system takes a loop milliseconds. NULL is
 * fine. */
void http_waste(struct uv_loop_s *loop, void (*destroy)(void *what), void *what);

struct http_reply {
    unsigned status;
    const char *type;       /* Content-Type; NULL where there is no body */
    struct span headers;    /* further lines, each ended by CRLF: http_header_add() */
    struct span body;       /* copied before http_reply() returns */
    struct http_blob *blob; /* or a shared body: a reference is taken instead of a copy */
    bool close;             /* end the connection after this answer */
};

/* Date, Content-Length and Connection are added here. */
void http_reply(struct http_req *req, const struct http_reply *reply);

/* The blob is a whole answer including its head and Date, and is sent as it is. `head_len` is the
 * length of its head, for HEAD requests. */
void http_reply_raw(struct http_req *req, struct http_blob *blob, uint32_t head_len);

/* Sends these bytes as they are (may be empty) and closes, as if the server died midway. For
 * programs that misbehave on purpose. `status` is the status that is counted. */
void http_reply_cut(struct http_req *req, struct span bytes, unsigned status);

/* Adds "name: value\r\n". Values come from the program or are validated: a CR or LF is a bug. */
void http_header_add(struct text *headers, const char *name, struct span value);

/* RFC 9457. `code` is stable and for programs; `detail` is a sentence for people. */
void http_problem(struct http_req *req, unsigned status, const char *code, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

struct http_problem {
    unsigned status;
    const char *code;
    const char *detail;
    struct span members;    /* more JSON members, `"a":1,"b":2`, or not there */
    struct span headers;    /* as in http_reply */
    unsigned retry_after_s; /* 0: no Retry-After */
};

void http_problem_reply(struct http_req *req, const struct http_problem *problem);

/* A problem code for a limit of the installation (not of one caller), and how often it was sent. A
 * test checks the list against the contracts and the runbook. */
struct http_bound {
    const char *code;
    _Atomic uint64_t refused;
};

const struct http_bound *http_bounds(size_t *len);
/* For answers not written by http_problem_reply(). Other codes are not counted. */
void http_bound_count(const char *code);

/* The reason phrase of a status, which is also a problem's title. */
const char *http_status_text(unsigned status);

/* ---- streams (SSE) ----
 *
 * A stream has no state but its connection; the newest blob is stored in the channel. A reader that
 * is too slow for its socket buffer skips versions and gets the newest one once its buffer has
 * room. */

struct http_channel;

struct http_channel_conf {
    /* NULL: a slow reader gets the newest blob. Otherwise returns a blob that brings a reader up to
     * date after missed versions; takes over the reference. */
    struct http_blob *(*catch_up)(void *ctx);
    void *ctx;
};

int http_channel_create(struct http_server *server, const struct http_channel_conf *conf,
                        struct err_slot *err, struct http_channel **out);
/* Sends the blob to all streams of this channel and loop, over several loop turns if they are
 * many. */
void http_channel_publish(struct http_channel *channel, struct http_blob *blob);
uint32_t http_channel_streams(const struct http_channel *channel);
void http_channel_close(struct http_channel *channel); /* ends its streams */

/* Answers with text/event-stream, sends `first` (may be NULL) and joins the channel for good. A
 * comment line every HTTP_STREAM_KEEPALIVE_MS keeps proxies from hanging up. */
void http_reply_stream(struct http_req *req, struct http_channel *channel, struct http_blob *first,
                       struct span headers);
/* The same for a visitor, given as a number other than 0. Returns false without answering if the
 * visitor already has `max` streams of this server, or if there is no memory to count them. */
bool http_reply_stream_to(struct http_req *req, uint64_t visitor, uint32_t max,
                          struct http_channel *channel, struct http_blob *first,
                          struct span headers);

typedef void http_handler(struct http_req *req);

struct http_router;

struct http_route {
    enum http_method method;
    const char *pattern;   /* "/v1/queue/{event}/me"; a last segment "{path...}" matches the rest */
    http_handler *handler; /* called once the whole request has arrived */
    void *ctx;             /* http_req_route_ctx(); most handlers need only the loop's */
    uint32_t body_max;     /* 0: a request with a body gets 413 */
};

int http_router_create(struct err_slot *err, struct http_router **out);
/* Call before any server uses the router. An ambiguous pattern is refused with ERR_EXISTS. */
int http_router_add(struct http_router *router, const struct http_route *route,
                    struct err_slot *err);
/* Adds a table of routes; stops at the first that cannot be added. */
int http_router_add_all(struct http_router *router, const struct http_route *routes, size_t len,
                        struct err_slot *err);
/* The route that a request would match, or NULL. `path` may also be a pattern, which matches
 * itself. Borrowed from the router. */
const struct http_route *http_router_route(const struct http_router *router,
                                           enum http_method method, struct span path);
/* Adds tables, a list that ends with NULL; each table ends with a row without a pattern. */
int http_router_add_tables(struct http_router *router, const struct http_route *const tables[],
                           struct err_slot *err);
/* Called before the handler. To stop a request it answers and returns false. For admin tokens, CORS
 * and the like; at most one. */
void http_router_guard(struct http_router *router, bool (*guard)(struct http_req *req, void *ctx),
                       void *ctx);
void http_router_destroy(struct http_router *router);

#endif
