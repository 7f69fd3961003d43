/* api.c: one handler for all routes of both APIs: it checks the key, turns path, query and body
 * into a desk's call, and writes what comes back with the headers that each API's clients expect.
 * What a call means is in the ops; what goes wrong with it on command, in the desk. */
#include "http/api.h"

#include "http/app.h"
#include "ops/op.h"
#include "stripe/wire/stripe_error.h"
#include "toss/toss_error.h"

#include <stdio.h>
#include <stdlib.h>

static const struct span version_header = {"Stripe-Version", sizeof("Stripe-Version") - 1};
static const char json_type[] = "application/json";

static bool is_authorized(const struct app *app, const struct http_req *req, enum op_flavour of)
{
    struct span basic = http_req_header(req, HTTP_HEADER_AUTHORIZATION);
    if (span_eq_secret(basic, span_of(app->basic)))
        return true;
    return of == OP_STRIPE && span_eq_secret(http_req_bearer(req), span_of(app->key));
}

static void refuse(struct http_req *req, const struct op *op, unsigned status,
                   const char *toss_code, const char *words)
{
    char memory[512];
    struct text body = text_on(memory, sizeof(memory));
    if (op->flavour == OP_TOSS)
        toss_error_put(&body, toss_code, words);
    else
        stripe_error_put(&body, status, NULL, NULL, words);
    http_reply(req,
               &(struct http_reply){.status = status,
                                    .type = json_type,
                                    .headers = status == 401 ? SPAN("WWW-Authenticate: Basic\r\n")
                                                             : (struct span){0},
                                    .body = text_span(&body)});
}

static void put_headers(struct text *headers, const struct http_req *req,
                        const struct desk_answer *answer)
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
static void reply_half(struct http_req *req, const struct desk_answer *answer)
{
    char head[256];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %u Cut\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                       answer->status, json_type, answer->body.len);
    char *bytes = malloc((size_t)len + answer->body.len);
    if (bytes == NULL) {
        http_reply_cut(req, (struct span){0}, answer->status);
        return;
    }
    struct text whole = text_on(bytes, (size_t)len + answer->body.len);
    text_add(&whole, head, (size_t)len);
    text_add(&whole, answer->body.ptr, answer->body.len / 2);
    http_reply_cut(req, text_span(&whole), answer->status);
    free(bytes);
}

static void on_answered(struct http_req *req, const struct desk_answer *answer, bool cut)
{
    if (cut) {
        reply_half(req, answer);
        return;
    }
    char memory[1024];
    struct text headers = text_on(memory, sizeof(memory));
    put_headers(&headers, req, answer);
    http_reply(req, &(struct http_reply){.status = answer->status,
                                         .type = json_type,
                                         .headers = text_span(&headers),
                                         .body = answer->body});
}

static void on_call(struct http_req *req)
{
    const struct op *op = http_req_route_ctx(req);
    struct app *app = app_of(req);
    if (!is_authorized(app, req, op->flavour)) {
        refuse(req, op, 401, "UNAUTHORIZED_KEY",
               "Invalid API Key provided, or none at all: send it as a bearer token.");
        return;
    }
    struct span key = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (key.len > IDEM_KEY_BYTES_MAX) {
        refuse(req, op, 400, "INVALID_IDEMPOTENCY_KEY",
               "Idempotency keys can have up to 255 characters.");
        return;
    }
    bool has_id = strchr(op->route, '{') != NULL;
    struct desk_order order = {
        .req = req,
        .op = op,
        .id = has_id ? http_req_param(req, 0) : (struct span){0},
        .query = http_req_query(req),
        .body = http_req_body(req),
        .key = key,
        .on_answered = on_answered,
    };
    if (order.id.len > FORM_KEY_MAX)
        order.id.len = FORM_KEY_MAX; /* no id is this long: not found, whatever it begins with */
    desk_submit(app->desk, &order);
}

int api_add_routes(struct http_router *router, struct err_slot *err)
{
    static const enum http_method methods[] = {
        [OP_GET] = HTTP_METHOD_GET,
        [OP_POST] = HTTP_METHOD_POST,
        [OP_DELETE] = HTTP_METHOD_DELETE,
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
