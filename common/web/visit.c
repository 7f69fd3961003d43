/* visit.c: small decisions about a browser, shared by all services.
 *
 * The pass may come as a bearer token, from a script, or as a cookie, from a page without one. A
 * browser sends the cookie with every request, even one made by another site's page. So for
 * anything but a GET the cookie counts only if Origin names this very host; a bearer token needs no
 * such check, since no other site can set it. */
#include "visit.h"

enum { COOKIE_NAME_MAX = 96 };

bool visit_asks_lang(const struct http_req *req, enum lang *out)
{
    return lang_asked(http_req_query_arg(req, SPAN("lang")),
                      http_req_cookie(req, SPAN(LANG_COOKIE)),
                      http_req_header(req, HTTP_HEADER_ACCEPT_LANGUAGE), out);
}

enum lang visit_lang(const struct http_req *req)
{
    enum lang lang;
    return visit_asks_lang(req, &lang) ? lang : LANG_OF_READERS;
}

bool visit_lists(struct span header, struct span wanted)
{
    struct span item, name;
    while (span_next(&header, ',', &item)) {
        struct span weight = span_trim(span_cut(item, ';', &name));
        if (span_eq_nocase(span_trim(name), wanted) && !span_eq(weight, SPAN("q=0")))
            return true;
    }
    return false;
}

bool visit_accepts(const struct http_req *req, struct span coding)
{
    return visit_lists(http_req_header(req, HTTP_HEADER_ACCEPT_ENCODING), coding);
}

bool visit_has(const struct http_req *req, struct span tag)
{
    struct span list = http_req_header(req, HTTP_HEADER_IF_NONE_MATCH), item;
    while (span_next(&list, ',', &item)) {
        item = span_trim(item);
        if (span_starts(item, SPAN("W/"))) /* If-None-Match compares weakly */
            item = span_skip(item, 2);
        if (span_eq(item, tag) || span_eq(item, SPAN("*")))
            return true;
    }
    return false;
}

static bool is_ours(const struct http_req *req)
{
    if (http_req_method(req) == HTTP_METHOD_GET)
        return true;
    struct span origin = http_req_header(req, HTTP_HEADER_ORIGIN);
    struct span host = span_after_scheme(origin);
    return host.ptr != NULL && span_eq(host, http_req_header(req, HTTP_HEADER_HOST));
}

struct span visit_pass(const struct http_req *req, struct span event)
{
    struct span pass = http_req_bearer(req);
    if (pass.ptr != NULL || !is_ours(req))
        return pass;
    char memory[COOKIE_NAME_MAX];
    struct text name = text_on(memory, sizeof(memory));
    TEXT_LIT(&name, VISIT_PASS_COOKIE);
    text_put(&name, event);
    return name.overflown ? (struct span){NULL, 0} : http_req_cookie(req, text_span(&name));
}
