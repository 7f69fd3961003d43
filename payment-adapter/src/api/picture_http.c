/* picture_http.c: uploaded pictures of events. An upload returns the path that the documents of the
 * line and the hall then name. The path has a hash of the content, so browsers, the edge and a CDN
 * keep the picture: visitors do not reach the database. */
#include "api/routes.h"

#include "api/guard.h"
#include "base/base64.h"
#include "pay_limits.h"
#include "store/statements.h"

#include <assert.h>

enum { PICTURE_ID_MAX = 33, PICTURE_PATH_MAX = 64 };

static const char picture_headers[] = "Cache-Control: public, max-age=31536000, immutable\r\n"
                                      "X-Content-Type-Options: nosniff\r\n"
                                      "Access-Control-Allow-Origin: *\r\n"; /* the console */

/* By its first bytes: what an uploader or a file name says is not believed. NULL: no picture. */
static const char *type_of(struct span bytes)
{
    if (span_starts(bytes, SPAN("\xFF\xD8\xFF")))
        return "image/jpeg";
    if (span_starts(bytes, SPAN("\x89PNG\r\n\x1A\n")))
        return "image/png";
    bool is_webp = bytes.len > 12 && span_starts(bytes, SPAN("RIFF")) &&
                   span_starts(span_skip(bytes, 8), SPAN("WEBP"));
    return is_webp ? "image/webp" : NULL;
}

static void on_put(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    char memory[PICTURE_PATH_MAX + 32];
    struct text body = text_on(memory, sizeof(memory));
    if (!guard_row(req, answer, 0, REFUSAL_PICTURES_FULL))
        return;
    struct span id = sql_picture_put_row(answer->results[0], 0).id;
    assert(id.len == PICTURE_ID_MAX - 1);
    assert(span_is_of(id, "0123456789abcdef"));
    text_printf(&body, "{\"picture\":\"/pay/-/%.*s/picture\"}", (int)id.len, id.ptr);
    guard_reply(req, 201, &body, SPAN(""));
}

static void on_post(struct http_req *req)
{
    char event[ORDER_EVENT_MAX];
    struct span bytes = http_req_body(req);
    if (!guard_id(req, 0, event, sizeof(event)))
        return;
    if (type_of(bytes) == NULL) {
        refusal_reply(req, REFUSAL_NOT_PICTURE);
        return;
    }
    assert(bytes.len <= PICTURE_BYTES_MAX); /* the route's bound */
    size_t cap = base64_len(bytes.len);
    char *memory = guard_room(req, cap + 1);
    if (memory == NULL)
        return;
    struct text content = text_on(memory, cap);
    base64_put(&content, bytes.ptr, bytes.len);
    assert(content.len == cap);
    const struct sql_picture_put_args args = {
        .event = event, .content = memory, .most = PICTURES_MAX, .who = guard_who(req)};
    sql_picture_put(pay_of(req)->pg, &args, on_put, req);
}

static void on_read(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    char *bytes;
    size_t len;
    if (!guard_row(req, answer, 0, REFUSAL_NOT_FOUND) ||
        (bytes = guard_room(req, PICTURE_BYTES_MAX)) == NULL)
        return;
    struct span content = sql_picture_read_row(answer->results[0], 0).content;
    const char *type = base64_decode(content, bytes, PICTURE_BYTES_MAX, &len)
                           ? type_of((struct span){bytes, len})
                           : NULL;
    if (type == NULL) { /* somebody wrote to the table */
        refusal_reply(req, REFUSAL_NOT_FOUND);
        return;
    }
    assert(len <= PICTURE_BYTES_MAX);
    http_reply(req, &(struct http_reply){.status = 200,
                                         .type = type,
                                         .headers = SPAN(picture_headers),
                                         .body = {bytes, len}});
}

static void on_get(struct http_req *req)
{
    char id[PICTURE_ID_MAX];
    if (guard_id(req, 0, id, sizeof(id)))
        sql_picture_read(pay_of(req)->pg, &(struct sql_picture_read_args){id}, on_read, req);
}

const struct http_route picture_routes[] = {
    {HTTP_METHOD_GET, "/pay/-/{version}/picture", on_get, NULL, 0},
    {.pattern = NULL},
};
const struct http_route picture_private_routes[] = {
    {HTTP_METHOD_POST, "/admin/events/{event}/pictures", on_post, NULL, PICTURE_BYTES_MAX},
    {.pattern = NULL},
};
