/* guard.c: the checks that every call of the API makes before it costs anything. A browser cannot
 * lie about Origin, so a post with a foreign one is refused; a caller without Origin is not a
 * browser, and carries no cookie that it was not given. Answers for "not there" and "not yours" are
 * the same bytes on purpose: ids must not be worth guessing. */
#include "api/guard.h"

#include "base/json_in.h"

#include <stdlib.h>

static bool is_allowed(const struct settings *settings, struct span origin)
{
    struct span item;
    for (struct span rest = span_of(settings->origins); rest.ptr != NULL;) {
        rest = span_cut(rest, ',', &item);
        if (item.len > 0 && span_eq(span_trim(item), origin))
            return true;
    }
    return span_eq(span_of(settings->public_url), origin);
}

bool guard_origin(struct http_req *req)
{
    struct span origin = http_req_header(req, HTTP_HEADER_ORIGIN);
    if (origin.len == 0 || is_allowed(pay_of(req)->settings, origin))
        return true;
    /* Allowed if the page came from the same host that it posts to. */
    struct span host = http_req_header(req, HTTP_HEADER_HOST);
    struct span plain = SPAN("http://"), tls = SPAN("https://");
    if ((span_starts(origin, plain) && span_eq(span_skip(origin, plain.len), host)) ||
        (span_starts(origin, tls) && span_eq(span_skip(origin, tls.len), host)))
        return true;
    refusal_reply(req, REFUSAL_ORIGIN);
    return false;
}

bool guard_json(struct http_req *req, struct err_slot *err, json_t **out)
{
    struct span type, ignored = http_req_header(req, HTTP_HEADER_CONTENT_TYPE);
    span_cut(ignored, ';', &type);
    if (!span_eq_nocase(span_trim(type), SPAN("application/json"))) {
        refusal_reply(req, REFUSAL_NOT_JSON);
        return false;
    }
    int rc = json_in_parse(http_req_body(req), err, out);
    if (rc == ERR_NOMEM)
        guard_unavailable(req, rc);
    else if (rc < 0)
        refusal_say(req, REFUSAL_JSON, "%s", err->text);
    return rc == 0;
}

void guard_unavailable(struct http_req *req, int rc)
{
    refusal_reply(req, rc == ERR_FULL ? REFUSAL_BUSY : REFUSAL_UNAVAILABLE);
}

void guard_login(struct http_req *req)
{
    refusal_reply(req, REFUSAL_LOGIN);
}

bool guard_id(struct http_req *req, unsigned param, char *out, size_t cap)
{
    struct span text = http_req_param(req, param);
    bool good = text.len > 0 && span_to_cstr(text, out, cap);
    for (size_t i = 0; good && i < text.len; i++) {
        char c = text.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    }
    if (!good)
        refusal_reply(req, REFUSAL_NOT_FOUND);
    return good;
}

void guard_reply(struct http_req *req, unsigned status, const struct text *body,
                 struct span headers)
{
    if (body->overflown)
        refusal_reply(req, REFUSAL_ANSWER_LONG);
    else
        http_reply(req, &(struct http_reply){.status = status,
                                             .type = "application/json",
                                             .headers = headers,
                                             .body = text_span(body)});
}

void *guard_begin(struct http_req *req, size_t size, char *id, size_t id_cap)
{
    if (!guard_id(req, 0, id, id_cap))
        return NULL;
    void *begun = calloc(1, size);
    if (begun == NULL)
        guard_unavailable(req, ERR_NOMEM);
    return begun;
}

const char *guard_who(const struct http_req *req)
{
    return service_operator(service_loop_of(req), req);
}

void guard_trace(struct http_req *req, char out[TRACE_TEXT_LEN + 1])
{
    struct trace trace = service_trace(req);
    struct text text = text_on(out, TRACE_TEXT_LEN);
    trace_put(&text, &trace);
    out[TRACE_TEXT_LEN] = '\0';
}
