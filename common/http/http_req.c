/* http_req.c: what a handler can read from a request.
 *
 * Nothing is copied. Results point into the request's own buffer, which does not move between
 * dispatch and answer, so a handler that keeps the request may keep the spans as well. Expensive
 * results (the visitor's address behind proxies) are computed on first use. http_req_describe() is
 * for a panic and prints the route as registered, never data from the visitor. */
#include "base/prefetch.h"
#include "http/http_hops.h"
#include "http/http_internal.h"

#include <stddef.h>
#include <stdlib.h>

struct http_room {
    struct http_room *next;
    void (*end)(void *room);
    max_align_t memory[];
};

const char *http_method_name(enum http_method method)
{
    static const char *const names[HTTP_METHOD_COUNT] = {
        [HTTP_METHOD_GET] = "GET",       [HTTP_METHOD_POST] = "POST",
        [HTTP_METHOD_PUT] = "PUT",       [HTTP_METHOD_PATCH] = "PATCH",
        [HTTP_METHOD_DELETE] = "DELETE", [HTTP_METHOD_OPTIONS] = "OPTIONS",
    };
    assert(method < HTTP_METHOD_COUNT);
    return names[method];
}

static struct span at(const struct http_req *req, struct http_place place)
{
    return (struct span){req->buffer + req->start + place.at, place.len};
}

enum http_method http_req_method(const struct http_req *req)
{
    return req->parser.method;
}

struct span http_req_path(const struct http_req *req)
{
    return at(req, req->parser.path);
}

struct span http_req_query(const struct http_req *req)
{
    return req->parser.query_there ? at(req, req->parser.query) : (struct span){NULL, 0};
}

struct span http_req_header(const struct http_req *req, enum http_header header)
{
    assert(header < HTTP_HEADER_COUNT);
    uint8_t number = req->parser.known[header];
    return number == 0 ? (struct span){NULL, 0} : at(req, req->parser.fields[number - 1].value);
}

struct span http_req_header_named(const struct http_req *req, struct span name)
{
    for (unsigned i = 0; i < req->parser.fields_len; i++) {
        if (span_eq_nocase(at(req, req->parser.fields[i].name), name))
            return at(req, req->parser.fields[i].value);
    }
    return (struct span){NULL, 0};
}

struct span http_req_body(const struct http_req *req)
{
    const char *body = req->buffer + req->start + req->parser.head_len;
    return (struct span){body, req->parser.body_len};
}

struct span http_req_param(const struct http_req *req, unsigned n)
{
    assert(n < req->match.params_len);
    return req->match.params[n];
}

struct span http_req_query_arg(const struct http_req *req, struct span name)
{
    struct span rest = http_req_query(req);
    while (rest.ptr != NULL) {
        struct span pair, key;
        rest = span_cut(rest, '&', &pair);
        struct span value = span_cut(pair, '=', &key);
        if (span_eq(key, name))
            return value.ptr != NULL ? value : (struct span){pair.ptr + pair.len, 0};
    }
    return (struct span){NULL, 0};
}

struct span http_req_cookie(const struct http_req *req, struct span name)
{
    struct span rest = http_req_header(req, HTTP_HEADER_COOKIE);
    while (rest.ptr != NULL) {
        struct span pair, key;
        rest = span_cut(rest, ';', &pair);
        struct span value = span_cut(span_trim(pair), '=', &key);
        if (value.ptr == NULL || !span_eq(key, name))
            continue;
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = (struct span){value.ptr + 1, value.len - 2};
        return value;
    }
    return (struct span){NULL, 0};
}

struct span http_req_bearer(const struct http_req *req)
{
    struct span header = http_req_header(req, HTTP_HEADER_AUTHORIZATION);
    struct span scheme = SPAN("Bearer ");
    if (header.len <= scheme.len ||
        (!span_starts(header, scheme) &&
         !span_eq_nocase((struct span){header.ptr, scheme.len}, scheme)))
        return (struct span){NULL, 0};
    return span_trim(span_skip(header, scheme.len));
}

/* The header that the trusted proxies use. A repeated header is ignored: one of the lines did not
 * come from the proxy. */
static struct span hops_of(const struct http_req *req)
{
    struct span name = span_of(req->server->client_ip_header);
    if (name.len == 0)
        return http_req_header(req, HTTP_HEADER_X_FORWARDED_FOR); /* repetitions are refused */
    struct span found = {NULL, 0};
    for (unsigned i = 0; i < req->parser.fields_len; i++) {
        if (!span_eq_nocase(at(req, req->parser.fields[i].name), name))
            continue;
        if (found.ptr != NULL)
            return (struct span){NULL, 0};
        found = at(req, req->parser.fields[i].value);
    }
    return found;
}

const uint8_t *http_req_addr(const struct http_req *req)
{
    struct http_req *mutable = (struct http_req *)(uintptr_t)req; /* computed once, on first use */
    if (!mutable->addr_known) {
        memcpy(mutable->addr, mutable->peer, sizeof(mutable->addr));
        if (mutable->trusted)
            http_hops_follow(&mutable->server->trusted, hops_of(mutable), mutable->addr);
        mutable->addr_known = true;
    }
    return req->addr;
}

bool http_req_is_tls(const struct http_req *req)
{
    return req->trusted &&
           span_eq_nocase(http_req_header(req, HTTP_HEADER_X_FORWARDED_PROTO), SPAN("https"));
}

bool http_req_repeats(const struct http_req *req)
{
    return req->repeats;
}

uint64_t http_req_started_us(const struct http_req *req)
{
    return req->started_us;
}

uint64_t http_req_serial(const struct http_req *req)
{
    return req->serial;
}

struct http_server *http_req_server(const struct http_req *req)
{
    return req->server;
}

void *http_req_loop_ctx(const struct http_req *req)
{
    return req->server->conf.loop_ctx;
}

void *http_req_route_ctx(const struct http_req *req)
{
    assert(req->match.route != NULL);
    return req->match.route->ctx;
}

void *http_req_note(struct http_req *req)
{
    if (!req->has_note)
        memset(req->note, 0, sizeof(req->note));
    req->has_note = true;
    return req->note;
}

void *http_req_room(struct http_req *req, size_t size, void (*end)(void *room))
{
    assert(req->phase == HTTP_REQ_HANDLER);
    assert(!req->answered);
    assert(size >= sizeof(uint32_t));
    struct http_room *room = calloc(1, sizeof(*room) + size);
    if (room == NULL)
        return NULL;
    room->end = end;
    room->next = req->rooms;
    req->rooms = room;
    return room->memory;
}

void http_req_leave_rooms(struct http_req *req)
{
    while (req->rooms != NULL) {
        struct http_room *room = req->rooms;
        req->rooms = room->next;
        if (room->end != NULL)
            room->end(room->memory);
        explicit_bzero(room->memory, sizeof(uint32_t)); /* like MAGIC_END() */
        free(room);
    }
}

const struct http_route *http_req_route(const struct http_req *req)
{
    return req->match.route;
}

/* Log nothing the visitor sent except a valid trace id. */
static bool is_trace(struct span header)
{
    return header.len == 55 && span_is_of(header, SPAN_HEX "-");
}

void http_req_prefetch(const struct http_req *req)
{
    prefetch(req, offsetof(struct http_req, parser.fields));
}

void http_req_describe(struct panic_text *text, const void *ctx)
{
    const struct http_req *req = ctx;
    if (req->magic != http_req_magic) {
        panic_put(text, "given back", "yes");
        return;
    }
    static const char *const phases[] = {[HTTP_REQ_HEAD] = "reading the head",
                                         [HTTP_REQ_AGAIN] = "found to repeat the one before",
                                         [HTTP_REQ_BODY] = "reading the body",
                                         [HTTP_REQ_HANDLER] = "handed to its handler"};
    const struct http_route *route = req->match.route;
    panic_put(text, "method", http_method_name(req->parser.method));
    panic_put(text, "route", route != NULL ? route->pattern : "none");
    struct span trace = http_req_header(req, HTTP_HEADER_TRACEPARENT);
    if (is_trace(trace))
        panic_put_bytes(text, "traceparent", trace.ptr, trace.len);
    panic_put(text, "phase", phases[req->phase]);
    panic_put_bool(text, "answered", req->answered);
    panic_put_bool(text, "visitor is there", req->conn != NULL);
    panic_put_u64(text, "bytes of the body", req->parser.body_len);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool http_url_decode(struct span raw, bool plus_is_space, struct text *out)
{
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '%') {
            bool there = raw.len - i > 2;
            int high = there ? hex_digit(raw.ptr[i + 1]) : -1;
            int low = there ? hex_digit(raw.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        text_char(out, c);
    }
    return !out->overflown;
}
