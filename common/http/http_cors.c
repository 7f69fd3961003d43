/* http_cors.c: pages of other origins that may call a server (Fetch standard, "CORS protocol").
 *
 * Without a list no CORS header is sent, and browsers block foreign pages. With one, a page whose
 * origin is listed may read every answer and send whatever its preflight asks for. Tokens, as for
 * all callers, decide which calls are allowed. Cookies never count (there is no Allow-Credentials),
 * so a page cannot act for a visitor who merely has it open.
 *
 * Origins are compared byte by byte, as browsers write them: scheme and host in lower case, no
 * trailing slash, no default port. "*" and "null" cannot be listed. */
#include "http/http_internal.h"

static const char preflight[] =
    "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
    "Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, If-Match, "
    "If-None-Match, X-Operator, X-Reason\r\n"
    "Access-Control-Max-Age: 600\r\n";

bool http_origin_ok(struct span origin)
{
    struct span host = {NULL, 0};
    if (span_starts(origin, SPAN("https://")))
        host = span_skip(origin, 8);
    else if (span_starts(origin, SPAN("http://")))
        host = span_skip(origin, 7);
    return host.len > 0 && host.len <= HTTP_ORIGIN_MAX &&
           span_is_of(host, SPAN_LOWER SPAN_DIGITS ".-[]:");
}

int http_origins_check(struct span list, struct err_slot *err)
{
    while (list.len > 0) {
        struct span item;
        list = span_cut(list, ',', &item);
        item = span_trim(item);
        if (!http_origin_ok(item))
            return err_set(err, ERR_RANGE,
                           "\"%.*s\" is no origin: http or https, host and port, in small letters, "
                           "as in http://localhost:8091",
                           (int)item.len, item.ptr != NULL ? item.ptr : "");
    }
    return 0;
}

static bool is_listed(const struct http_req *req, struct span origin)
{
    assert(req->server->conf.origins != NULL);
    struct span list = span_of(req->server->conf.origins);
    while (origin.len > 0 && list.ptr != NULL) {
        struct span item;
        list = span_cut(list, ',', &item);
        if (span_eq(span_trim(item), origin))
            return true;
    }
    return false;
}

void http_cors_add(const struct http_req *req, struct http_batch *batch)
{
    static const char vary[] = "Vary: Origin\r\n";
    static const char allow[] = "Access-Control-Allow-Origin: ";
    static const char expose[] = "\r\nAccess-Control-Expose-Headers: ETag, Retry-After\r\n";
    struct span origin = http_req_header(req, HTTP_HEADER_ORIGIN);
    http_batch_add(batch, vary, sizeof(vary) - 1);
    if (!is_listed(req, origin))
        return;
    http_batch_add(batch, allow, sizeof(allow) - 1);
    http_batch_add(batch, origin.ptr, origin.len);
    http_batch_add(batch, expose, sizeof(expose) - 1);
}

/* Answered before tokens are checked, since browsers send none with it. So the answer is the same
 * for every path, whether it exists or not, and a stranger learns nothing from it. */
bool http_cors_preflight(struct http_req *req)
{
    if (req->server->conf.origins == NULL || req->parser.method != HTTP_METHOD_OPTIONS ||
        http_req_header_named(req, SPAN("Access-Control-Request-Method")).ptr == NULL ||
        !is_listed(req, http_req_header(req, HTTP_HEADER_ORIGIN)))
        return false;
    http_reply(req,
               &(struct http_reply){.status = 204, .headers = {preflight, sizeof(preflight) - 1}});
    return true;
}
