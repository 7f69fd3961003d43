/* http.h: what a handler sees: a request, the ways to answer it, streams, and the router.
 *
 * Everything here belongs to one loop and is called on that loop's thread, except http_blob, whose
 * count is atomic, and a router, which is read-only once its servers run.
 *
 * A handler answers each request exactly once: now, or later if it keeps the pointer. A request
 * whose visitor has gone meanwhile still waits for its answer, which then falls to the floor; so
 * nobody has to ask whether a request is alive. After the answer the pointer is dead. */
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
    HTTP_METHOD_GET, /* HEAD is served by the handler of GET; its body is left out */
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_COUNT,
};

const char *http_method_name(enum http_method method);

/* Headers that handlers ask for by number; found while parsing, at no cost later. */
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
struct span http_req_query(const struct http_req *req); /* after '?', or not there */
struct span http_req_header(const struct http_req *req, enum http_header header);
struct span http_req_header_named(const struct http_req *req, struct span name); /* any other */
struct span http_req_body(const struct http_req *req);
/* The n-th {parameter} of the route, as sent. Percent signs are left alone: ids never need them. */
struct span http_req_param(const struct http_req *req, unsigned n);
/* The value of name= in the query, raw; http_url_decode() where it is text. */
struct span http_req_query_arg(const struct http_req *req, struct span name);
/* The value of one cookie; of several with that name the first. */
struct span http_req_cookie(const struct http_req *req, struct span name);
/* "Authorization: Bearer X": X, or not there. */
struct span http_req_bearer(const struct http_req *req);
/* The visitor's address: the peer's, or behind a trusted proxy the one that its header names
 * (http_hops.h). Always 16 bytes; IPv4 as ::ffff:a.b.c.d. */
const uint8_t *http_req_addr(const struct http_req *req);
/* The visitor came by TLS, as a trusted proxy says: cookies get Secure. */
bool http_req_is_tls(const struct http_req *req);
/* The same bytes as the request before it, which came on the same connection, in the same packet or
 * behind it: a pipelining client. So what was true of that one's headers is true of these. */
bool http_req_repeats(const struct http_req *req);
uint64_t http_req_started_us(const struct http_req *req); /* monotonic; first byte seen */
/* It is about to be answered, by a handler that has kept it. */
void http_req_prefetch(const struct http_req *req);
/* No other request of its server has it. What comes behind an answered one on its connection is
 * served in the same struct http_req, and often before that answer has returned. */
uint64_t http_req_serial(const struct http_req *req);
struct http_server *http_req_server(const struct http_req *req);
void *http_req_loop_ctx(const struct http_req *req);  /* the server's conf.loop_ctx */
void *http_req_route_ctx(const struct http_req *req); /* the ctx of the route that was taken */
/* Memory for the handler of a request, until the response; zero at first. */
enum { HTTP_NOTE_BYTES = 32 };
void *http_req_note(struct http_req *req);
/* More of it, zero at first, freed with the response, after end(), which may be NULL. What begins
 * with a magic number loses that. NULL: no memory. */
void *http_req_room(struct http_req *req, size_t size, void (*end)(void *room));
/* The route that was taken; NULL: none was, and the answer says why. */
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
/* Likewise, of bytes that the caller writes before others see it; it may end up shorter. */
struct http_blob *http_blob_room(size_t len);
struct http_blob *http_blob_ref(struct http_blob *blob);
void http_blob_unref(struct http_blob *blob); /* NULL is fine */
/* On a loop: one that may be large. */
void http_blob_let_go(struct uv_loop_s *loop, struct http_blob *blob);
/* Destroys on the pool: to give megabytes back to the system takes a loop milliseconds. NULL is
 * fine. */
void http_waste(struct uv_loop_s *loop, void (*destroy)(void *what), void *what);

struct http_reply {
    unsigned status;
    const char *type;       /* Content-Type; NULL where there is no body */
    struct span headers;    /* further lines, each ended by CRLF: http_header_add() */
    struct span body;       /* copied before http_reply() returns */
    struct http_blob *blob; /* or a shared body: not copied, a reference is taken */
    bool close;             /* end the connection after this answer */
};

/* Date, Content-Length and Connection are added here. */
void http_reply(struct http_req *req, const struct http_reply *reply);

/* The blob is a whole answer, head and all (its Date included), shared as it is. `head_len` is the
 * length of its head, so that HEAD can be served from it. */
void http_reply_raw(struct http_req *req, struct http_blob *blob, uint32_t head_len);

/* Sends these bytes as they are, perhaps none, and closes: what a peer sees when the other side
 * dies in the middle. For programs that act broken on purpose. `status` is what is counted. */
void http_reply_cut(struct http_req *req, struct span bytes, unsigned status);

/* Adds "name: value\r\n". Values come from the program or were checked: a CR or LF is a bug. */
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

/* A code that says that a bound of the installation is reached, not one of the caller, and how
 * often it was answered. A test holds the list to the contracts and to the runbook. */
struct http_bound {
    const char *code;
    _Atomic uint64_t refused;
};

const struct http_bound *http_bounds(size_t *len);
/* For answers that http_problem_reply() does not write; any other code is not counted. */
void http_bound_count(const char *code);

/* The reason phrase of a status, which is also a problem's title. */
const char *http_status_text(unsigned status);

/* ---- streams (SSE) ----
 *
 * A stream keeps nothing but its connection: what was sent last stays with the channel. A reader
 * that is too slow for its socket buffer misses the versions in between and gets the newest once it
 * can take it again. */

struct http_channel;

struct http_channel_conf {
    /* NULL: a slow reader gets the newest blob. Otherwise it is asked for a blob that brings a
     * reader who missed something up to date, and answers a reference, which is taken. */
    struct http_blob *(*catch_up)(void *ctx);
    void *ctx;
};

int http_channel_create(struct http_server *server, const struct http_channel_conf *conf,
                        struct err_slot *err, struct http_channel **out);
/* Sends the blob to every stream of this channel and loop; spread over loop turns if they are many.
 */
void http_channel_publish(struct http_channel *channel, struct http_blob *blob);
uint32_t http_channel_streams(const struct http_channel *channel);
void http_channel_close(struct http_channel *channel); /* ends its streams */

/* Answers with text/event-stream, sends `first` (may be NULL) and joins the channel for good. A
 * comment line each HTTP_STREAM_KEEPALIVE_MS keeps proxies from hanging up. */
void http_reply_stream(struct http_req *req, struct http_channel *channel, struct http_blob *first,
                       struct span headers);
/* The same for a visitor whom the caller names by a number, not 0. False if the visitor has `max`
 * streams of this server already: then nothing is answered. */
bool http_reply_stream_to(struct http_req *req, uint64_t visitor, uint32_t max,
                          struct http_channel *channel, struct http_blob *first,
                          struct span headers);

typedef void http_handler(struct http_req *req);

struct http_router;

struct http_route {
    enum http_method method;
    const char *pattern; /* "/v1/queue/{event}/me"; a last segment "{path...}" takes all the rest */
    http_handler *handler; /* called when the whole request is there */
    void *ctx;             /* http_req_route_ctx(); most handlers need only the loop's */
    uint32_t body_max;     /* 0: a request with a body gets 413 */
};

int http_router_create(struct err_slot *err, struct http_router **out);
/* Before any server uses it. Patterns must not be ambiguous: ERR_EXISTS. */
int http_router_add(struct http_router *router, const struct http_route *route,
                    struct err_slot *err);
/* A table of them, up to the first that cannot be added. */
int http_router_add_all(struct http_router *router, const struct http_route *routes, size_t len,
                        struct err_slot *err);
/* The route that a request would take, or NULL. A pattern is a path that takes its own. Borrowed
 * from the router. */
const struct http_route *http_router_route(const struct http_router *router,
                                           enum http_method method, struct span path);
/* Tables, ended by NULL; each ends with a row without a pattern. */
int http_router_add_tables(struct http_router *router, const struct http_route *const tables[],
                           struct err_slot *err);
/* Asked before the handler; answers the request itself and returns false to stop it. For admin
 * tokens, CORS and the like; at most one. */
void http_router_guard(struct http_router *router, bool (*guard)(struct http_req *req, void *ctx),
                       void *ctx);
void http_router_destroy(struct http_router *router);

#endif
