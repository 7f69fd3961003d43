/* api.c: one handler for all routes of both APIs: it checks the key, turns path, query and body
 * into a call, and writes what comes back with the headers that each API's clients expect. What a
 * call means is in the ops; what goes wrong with it on command, in the desk. */
#include "http/app.h"

#include "core/must.h"
#include "ops/op.h"
#include "stripe/wire/stripe_error.h"
#include "toss/toss.h"

#include <stdio.h>

static const struct span version_header = {"Stripe-Version", sizeof("Stripe-Version") - 1};
static const char content_type[] = "application/json";

static bool is_authorized(const struct app *app, const struct http_req *req, enum op_flavour of)
{
    struct span basic = http_req_header(req, HTTP_HEADER_AUTHORIZATION);
    if (span_eq_secret(basic, span_of(app->basic)))
        return true;
    return of == OP_STRIPE && span_eq_secret(http_req_bearer(req), span_of(app->key));
}

static void refuse(struct http_req *req, unsigned status, const char *toss_code, const char *words)
{
    const struct op *op = http_req_route_ctx(req);
    char memory[1024];
    struct text body = text_on(memory, sizeof(memory));
    if (op->flavour == OP_TOSS)
        toss_error_put(&body, toss_code, words);
    else
        stripe_error_put(&body, &(struct stripe_error){.status = status}, words);
    http_reply(req,
               &(struct http_reply){.status = status,
                                    .type = content_type,
                                    .headers = status == 401 ? SPAN("WWW-Authenticate: Basic\r\n")
                                                             : (struct span){0},
                                    .body = text_span(&body)});
}

static void put_headers(struct text *headers, const struct http_req *req,
                        const struct answer *answer)
{
    if (answer->request[0] != '\0')
        http_header_add(headers, "Request-Id", span_of(answer->request));
    struct span key = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    struct span version = http_req_header_named(req, version_header);
    if (key.len > 0)
        http_header_add(headers, "Idempotency-Key", key);
    if (version.len > 0 && version.len <= 64)
        http_header_add(headers, "Stripe-Version", version);
    if (answer->replayed)
        http_header_add(headers, "Idempotent-Replayed", SPAN("true"));
    TEXT_LIT(headers, "Cache-Control: no-cache, no-store\r\n");
}

/* Sends the header with the full length, and half of the body. */
static void reply_half(struct http_req *req, const struct answer *answer)
{
    char head[256];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %u Cut\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                       answer->status, content_type, answer->body.len);
    char *bytes = must(malloc((size_t)len + answer->body.len));
    struct text whole = text_on(bytes, (size_t)len + answer->body.len);
    text_add(&whole, head, (size_t)len);
    text_add(&whole, answer->body.ptr, answer->body.len / 2);
    http_reply_cut(req, text_span(&whole), answer->status);
    free(bytes);
}

static void on_answered(struct http_req *req, const struct answer *answer, bool cut)
{
    if (cut) {
        reply_half(req, answer);
        return;
    }
    char memory[1024];
    struct text headers = text_on(memory, sizeof(memory));
    put_headers(&headers, req, answer);
    http_reply(req, &(struct http_reply){.status = answer->status,
                                         .type = content_type,
                                         .headers = text_span(&headers),
                                         .body = answer->body});
}

/* The call's form, or Toss's JSON body; NULL: the request has been answered. */
static json_t *read_in(struct http_req *req, const struct op *op)
{
    struct err_slot err;
    bool is_form = op->flavour != OP_TOSS || op->method != OP_POST;
    json_t *in = is_form ? form_read(req, &err) : NULL;
    int rc = is_form ? 0 : json_in_parse(http_req_body(req), &err, &in);
    if (rc == ERR_NOMEM)
        refuse(req, 500, "FAILED_INTERNAL_SYSTEM_PROCESSING", "The internal system failed.");
    else if (in == NULL)
        refuse(req, 400, "INVALID_REQUEST", err.text);
    return in;
}

static void on_call(struct http_req *req)
{
    const struct op *op = http_req_route_ctx(req);
    struct app *app = app_of(req);
    struct span key = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (!is_authorized(app, req, op->flavour)) {
        refuse(req, 401, "UNAUTHORIZED_KEY",
               "Invalid API Key provided, or none at all: send it as a bearer token.");
        return;
    }
    if (key.len > IDEM_KEY_BYTES_MAX || !form_is_plain(key, "")) {
        refuse(req, 400, "INVALID_IDEMPOTENCY_KEY",
               "Idempotency keys can have up to 255 characters.");
        return;
    }
    struct desk_order order = {
        .req = req, .op = op, .key = key, .in = read_in(req, op), .on_answered = on_answered};
    if (strchr(op->route, '{') != NULL)
        order.id = http_req_param(req, 0);
    if (order.id.len > FORM_KEY_MAX || !form_is_plain(order.id, ""))
        order.id = SPAN("none"); /* no id is like this */
    if (order.in != NULL)
        desk_submit(app->desk, &order);
}

int app_add_api(struct http_router *router, struct err_slot *err)
{
    static const enum http_method methods[] = {
        [OP_GET] = HTTP_METHOD_GET,
        [OP_POST] = HTTP_METHOD_POST,
    };
    for (unsigned i = 0; i < ops_len; i++) {
        if (ops[i].route == NULL)
            continue;
        struct http_route route = {.method = methods[ops[i].method],
                                   .pattern = ops[i].route,
                                   .handler = on_call,
                                   .ctx = (void *)(uintptr_t)&ops[i],
                                   .body_max = FORM_BYTES_MAX};
        int rc = http_router_add(router, &route, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
