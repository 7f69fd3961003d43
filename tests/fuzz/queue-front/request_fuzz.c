/* request_fuzz.c: cookies, queries and forms. The frame is a valid request, so that each run
 * reaches them; the lines of the input are its query, its Cookie header, and then its body.
 *
 * Holds: a value that is found lies in the request, after its name; a field written by the target
 * is found unchanged, whatever comes before it. */
#include "../fuzz.h"
#include "api/caller.h"
#include "http/http_internal.h"
#include "outcall/outcall.h"
#include "page/form.h"

enum { INPUT_MAX = 2048, REQUEST_MAX = 16384 };

static char wire[REQUEST_MAX];
static size_t wire_len;

/* Returns false if no handler would get the request. */
static bool receive(struct http_req *req, struct span query, struct span cookie, struct span body)
{
    struct http_limits limits = http_limits_default();
    struct text text = text_on(wire, sizeof(wire));
    TEXT_LIT(&text, "POST /e/show?");
    text_put(&text, query);
    TEXT_LIT(&text, " HTTP/1.1\r\nHost: a\r\nCookie: ");
    text_put(&text, cookie);
    TEXT_LIT(&text, "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ");
    text_u64(&text, body.len);
    TEXT_LIT(&text, "\r\n\r\n");
    text_put(&text, body);
    assert(!text.overflown);
    wire_len = text.len;
    req->buffer = wire;
    req->start = 0;
    http_parser_begin(&req->parser, &limits);
    return http_parser_head(&req->parser, wire, 0, (uint32_t)wire_len) == HTTP_PARSE_HEAD &&
           !req->parser.chunked && req->parser.head_len + req->parser.body_len == wire_len;
}

static void judge(struct span found, struct span name)
{
    if (found.len == 0) /* missing, or a name without a value */
        return;
    assert(found.ptr >= wire + name.len + 1 && found.ptr + found.len <= wire + wire_len);
    const char *before = found.ptr - 1;
    before -= *before == '"';
    assert(*before == '=');
    assert(memcmp(before - name.len, name.ptr, name.len) == 0);
}

static void read_all(const struct http_req *req)
{
    static const struct span names[] = {{"lang", 4}, {"fg_ticket_show", 14}, {"a", 1}};
    char memory[REQUEST_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        judge(http_req_cookie(req, names[i]), names[i]);
        struct span arg = http_req_query_arg(req, names[i]);
        judge(arg, names[i]);
        struct text out = text_on(memory, sizeof(memory));
        if (arg.ptr != NULL && http_url_decode(arg, true, &out))
            assert(out.len <= arg.len);
        out = text_on(memory, sizeof(memory));
        struct span field = form_field(req, names[i], &out);
        assert(field.ptr == NULL || (field.ptr == memory && field.len <= wire_len));
    }
    struct err_slot err;
    json_t *fields;
    if (form_read(req, &err, &fields) == 0) {
        assert(json_object_size(fields) <= FORM_FIELDS_MAX);
        json_decref(fields);
    }
    uint8_t site[16];
    struct span whose = caller_whose(req, site);
    assert(whose.len > 0);
}

/* Appends one more field to any form, whose value is the cookie's bytes. */
static void find_own(struct http_req *req, struct span value, struct span before)
{
    char body[4 * INPUT_MAX + 64], memory[INPUT_MAX + 64];
    struct text form = text_on(body, sizeof(body));
    text_put(&form, before);
    TEXT_LIT(&form, "&own-field=");
    outcall_escape(&form, value);
    if (memmem(before.ptr, before.len, "own-field", 9) != NULL ||
        !receive(req, SPAN("x=1"), SPAN("c=1"), text_span(&form)))
        return;
    struct text out = text_on(memory, sizeof(memory));
    struct span found = form_field(req, SPAN("own-field"), &out);
    assert(span_eq(found, value));
}

static void fuzz(struct span body)
{
    static struct http_req req;
    struct span query, cookie;
    if (body.len > INPUT_MAX)
        return;
    body = span_cut(body, '\n', &query);
    body = body.ptr != NULL ? span_cut(body, '\n', &cookie) : body;
    if (body.ptr == NULL)
        return;
    req.addr_known = true;
    if (receive(&req, query, cookie, body))
        read_all(&req);
    find_own(&req, cookie, body);
}
