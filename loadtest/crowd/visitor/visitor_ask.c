/* visitor_ask.c: writes the request of each phase, as a browser (or a bot) sends it.
 *
 * A visitor is a phase and a few strings. The request is written at the moment when a connection
 * is free, from what the visitor knows then, so that a million who wait hold no requests. Bots
 * differ in what they put in, not in how they ask. */
#include "visitor/visitor_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct request {
    const char *method;
    const char *bearer; /* NULL: none */
    const char *cookie; /* NULL: none */
    const char *type;   /* of the body */
    const char *key;    /* Idempotency-Key; NULL: none */
    const char *accept;
    const char *proof; /* of work; NULL: none */
    struct span body;
};

/* Behind a trusted proxy, which we stand for, everybody has an address of their own; somebody who
 * was handed a pass or a hold has another address. */
static void put_address(struct text *out, const struct visitor *visitor)
{
    bool elsewhere = visitor->phase == PHASE_SHARE || visitor->phase == PHASE_SECOND;
    text_printf(out, "X-Forwarded-For: %d.%u.%u.%u\r\n", elsewhere ? 11 : 10,
                visitor->number >> 16 & 255, visitor->number >> 8 & 255, visitor->number & 255);
}

static void put(struct text *out, const struct visitor *visitor, const struct request *request,
                const char *path, ...) __attribute__((format(printf, 4, 5)));

static void put(struct text *out, const struct visitor *visitor, const struct request *request,
                const char *path, ...)
{
    va_list args;
    va_start(args, path);
    text_printf(out, "%s ", request->method);
    text_vprintf(out, path, args);
    va_end(args);
    TEXT_LIT(out, " HTTP/1.1\r\nHost: crowd\r\n");
    put_address(out, visitor);
    if (request->bearer != NULL)
        text_printf(out, "Authorization: Bearer %s\r\n", request->bearer);
    if (request->cookie != NULL)
        text_printf(out, "Cookie: %s\r\n", request->cookie);
    if (request->key != NULL)
        text_printf(out, "Idempotency-Key: %016lx-%u-%s\r\n", visitor->crowd->salt, visitor->number,
                    request->key);
    if (request->accept != NULL)
        text_printf(out, "Accept: %s\r\n", request->accept);
    if (request->proof != NULL)
        text_printf(out, "X-Proof-Of-Work: %s\r\n", request->proof);
    if (request->type != NULL)
        text_printf(out, "Content-Type: %s\r\n", request->type);
    if (request->type != NULL || strcmp(request->method, "POST") == 0)
        text_printf(out, "Content-Length: %zu\r\n", request->body.len);
    TEXT_LIT(out, "\r\n");
    text_put(out, request->body);
}

/* The account that pays; somebody else's where a hold was handed on. */
static const struct buyer *buyer_of(const struct visitor *visitor)
{
    uint32_t other = visitor->phase == PHASE_SHARE ? 1 : 0;
    return &visitor->crowd->buyers[(visitor->number + other) % visitor->crowd->buyers_len];
}

static void put_best(struct text *body, const struct visitor *visitor)
{
    json_key(body, "best_available");
    json_open(body, '{');
    json_member_u64(body, "quantity", visitor->party);
    json_member_bool(body, "adjacent", true);
    json_close(body, '}');
}

static void put_hold(struct text *out, const struct visitor *visitor)
{
    const struct baggage *baggage = visitor->baggage;
    bool second = visitor->phase == PHASE_SECOND;
    char memory[1024], key[32];
    struct text body = text_on(memory, sizeof(memory));
    snprintf(key, sizeof(key), "hold-%u", visitor->attempt);
    json_open(&body, '{');
    if (baggage->chosen > 0 && !second) {
        json_key(&body, "seats");
        json_open(&body, '[');
        for (uint32_t i = 0; i < baggage->chosen; i++)
            json_str(&body, span_of(hall_seat_id(visitor->crowd->hall, baggage->seat[i])));
        json_close(&body, ']');
    } else {
        put_best(&body, visitor);
    }
    json_close(&body, '}');
    struct request request = {.method = "POST",
                              .bearer = baggage->pass,
                              .type = "application/json",
                              .key = second ? "second" : key,
                              .body = text_span(&body)};
    put(out, visitor, &request, "/v1/seats/%s/holds", visitor->crowd->scenario->event);
}

static void put_order(struct text *out, const struct visitor *visitor)
{
    char memory[512];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_cstr(&body, "event", visitor->crowd->scenario->event);
    json_member_cstr(&body, "hold", visitor->baggage->hold);
    json_close(&body, '}');
    struct request request = {.method = "POST",
                              .bearer = visitor->baggage->pass,
                              .cookie = buyer_of(visitor)->cookie,
                              .type = "application/json",
                              .key = visitor->phase == PHASE_SHARE ? "share" : "order",
                              .body = text_span(&body)};
    put(out, visitor, &request, "/v1/pay/orders");
}

/* As the buyer's browser does it, on the provider's own page. */
static void put_pay(struct text *out, const struct visitor *visitor)
{
    struct request request = {.method = "POST",
                              .type = "application/x-www-form-urlencoded",
                              .body = SPAN("number=4242424242424242&exp=12%2F34&cvc=123")};
    put(out, visitor, &request, "/pay/%s", visitor->baggage->page);
}

static void put_step(struct text *out, const struct visitor *visitor, const char *step)
{
    char memory[64];
    struct text body = text_on(memory, sizeof(memory));
    text_printf(&body, "{\"order\":\"%016lx-%u\"}", visitor->crowd->salt, visitor->number);
    struct request request = {.method = "POST",
                              .bearer = visitor->crowd->service_token,
                              .type = "application/json",
                              .body = text_span(&body)};
    put(out, visitor, &request, "/internal/events/%s/holds/%s/%s", visitor->crowd->scenario->event,
        visitor->baggage->hold, step);
}

static void put_in_line(struct text *out, const struct visitor *visitor)
{
    const char *event = visitor->crowd->scenario->event;
    struct request get = {.method = "GET", .bearer = visitor->ticket};
    struct request post = {.method = "POST", .bearer = visitor->ticket};
    switch ((enum phase)visitor->phase) {
    case PHASE_PAGE:
        get.bearer = NULL;
        get.accept = "text/html";
        put(out, visitor, &get, "/e/%s", event);
        break;
    case PHASE_JOIN:
        post.bearer = visitor->trick == 1 + TRICK_REJOIN ? visitor->ticket : NULL;
        post.key = "join";
        post.proof = visitor->proof;
        put(out, visitor, &post, "/v1/queue/%s/join", event);
        break;
    case PHASE_WAIT:
        put(out, visitor, &get, "/v1/queue/%s/me", event);
        break;
    case PHASE_LEAVE:
        put(out, visitor, &post, "/v1/queue/%s/leave", event);
        break;
    default:
        put(out, visitor, &post, "/v1/queue/%s/pass", event);
    }
}

static void put_at_seats(struct text *out, const struct visitor *visitor)
{
    const char *event = visitor->crowd->scenario->event;
    struct request get = {.method = "GET", .bearer = visitor->baggage->pass};
    switch ((enum phase)visitor->phase) {
    case PHASE_PLAN:
        put(out, visitor, &get, "/v1/seats/%s/plan", event);
        break;
    case PHASE_LOOK:
        get.accept = "application/octet-stream";
        put(out, visitor, &get, "/v1/seats/%s/availability", event);
        break;
    case PHASE_DROP:
        get.method = "DELETE";
        put(out, visitor, &get, "/v1/seats/%s/holds/%s", event, visitor->baggage->hold);
        break;
    default:
        put_hold(out, visitor);
    }
}

void visitor_ask(void *ctx, struct text *out)
{
    const struct visitor *visitor = ctx;
    struct request get = {.method = "GET"};
    switch ((enum phase)visitor->phase) {
    case PHASE_PAGE:
    case PHASE_JOIN:
    case PHASE_WAIT:
    case PHASE_PASS:
    case PHASE_REPASS:
    case PHASE_RETURN:
    case PHASE_LEAVE:
        put_in_line(out, visitor);
        break;
    case PHASE_PLAN:
    case PHASE_LOOK:
    case PHASE_HOLD:
    case PHASE_SECOND:
    case PHASE_DROP:
        put_at_seats(out, visitor);
        break;
    case PHASE_EXTEND:
        put_step(out, visitor, "extend");
        break;
    case PHASE_CONFIRM:
        put_step(out, visitor, "confirm");
        break;
    case PHASE_ORDER:
    case PHASE_SHARE:
        put_order(out, visitor);
        break;
    case PHASE_PAY:
        put_pay(out, visitor);
        break;
    case PHASE_WATCH:
    case PHASE_TICKETS:
    case PHASE_OVER:
        get.bearer = visitor->baggage->pass;
        get.cookie = buyer_of(visitor)->cookie;
        put(out, visitor, &get, "/v1/pay/orders/%s%s", visitor->baggage->order,
            visitor->phase == PHASE_TICKETS ? "/tickets" : "");
        break;
    case PHASE_AWAY:
    case PHASE_SOLVE:
    case PHASE_LISTEN:
    case PHASES:
        assert(false);
    }
}

size_t visitor_ask_stream(const struct visitor *visitor, char *memory, size_t cap)
{
    struct text out = text_on(memory, cap);
    struct request get = {
        .method = "GET", .bearer = visitor->ticket, .accept = "text/event-stream"};
    put(&out, visitor, &get, "/v1/queue/%s/stream", visitor->crowd->scenario->event);
    assert(!out.overflown);
    return out.len;
}
