/* visitor_ask.c: the request of each phase, one row of requests[] each, as a browser (or a bot)
 * sends it.
 *
 * A request is written only when a connection is free, from the visitor's state at that moment. So
 * a million waiting visitors need no memory for requests. */
#include "visitor/visitor_internal.h"

#include <assert.h>

enum bearer { BEARER_NONE, BEARER_TICKET, BEARER_PASS, BEARER_SERVICE };

struct request {
    const char *line; /* method and path, with the visitor's {event}, {hold}, {order} or {page} */
    enum bearer bearer;
    const char *key; /* Idempotency-Key; NULL: none */
    const char *accept;
    bool account; /* sends the cookie of the account that pays */
    void (*body)(struct text *body, const struct visitor *visitor); /* NULL: none */
};

/* ---- bodies ---- */

static void put_seats(struct text *body, const struct visitor *visitor)
{
    const struct baggage *baggage = visitor->baggage;
    json_open(body, '{');
    if (baggage->chosen > 0 && visitor->phase == PHASE_HOLD) {
        json_member_open(body, "seats", '[');
        for (uint32_t i = 0; i < baggage->chosen; i++)
            json_str(body, span_of(hall_seat_id(visitor->crowd->hall, baggage->seat[i])));
        json_close(body, ']');
    } else {
        json_member_open(body, "best_available", '{');
        json_member_u64(body, "quantity", visitor->party);
        json_member_bool(body, "adjacent", true);
        json_close(body, '}');
    }
    json_close(body, '}');
}

static void put_code(struct text *body, const struct visitor *visitor)
{
    if (visitor->crowd->scenario->code[0] == '\0')
        return;
    json_open(body, '{');
    json_member_cstr(body, "code", visitor->crowd->scenario->code);
    json_close(body, '}');
}

static void put_order(struct text *body, const struct visitor *visitor)
{
    json_open(body, '{');
    json_member_cstr(body, "event", visitor->crowd->scenario->event);
    json_member_cstr(body, "hold", visitor->baggage->hold);
    json_close(body, '}');
}

static void put_own_order(struct text *body, const struct visitor *visitor)
{
    text_printf(body, "{\"order\":\"%016lx-%u\"}", visitor->crowd->salt, visitor->number);
}

/* The form of the provider's page, as the buyer's browser sends it. */
static void put_card(struct text *body, const struct visitor *visitor)
{
    (void)visitor;
    text_str(body, "number=4242424242424242&exp=12%2F34&cvc=123");
}

/* ---- requests ---- */

#define QUEUE "/v1/queue/{event}/"
#define SEATS "/v1/seats/{event}/"
#define SAGA  "/internal/events/{event}/holds/{hold}/"
#define ORDER "/v1/pay/orders"

static const struct request requests[PHASES] = {
    [PHASE_PAGE] = {"GET /e/{event}", .accept = "text/html"},
    [PHASE_JOIN] = {"POST " QUEUE "join", BEARER_TICKET, "join", .body = put_code},
    [PHASE_WAIT] = {"GET " QUEUE "me", BEARER_TICKET},
    [PHASE_LISTEN] = {"GET " QUEUE "stream", BEARER_TICKET, .accept = "text/event-stream"},
    [PHASE_PASS] = {"POST " QUEUE "pass", BEARER_TICKET},
    [PHASE_REPASS] = {"POST " QUEUE "pass", BEARER_TICKET},
    [PHASE_RETURN] = {"POST " QUEUE "pass", BEARER_TICKET},
    [PHASE_LEAVE] = {"POST " QUEUE "leave", BEARER_TICKET},
    [PHASE_PLAN] = {"GET " SEATS "plan", BEARER_PASS},
    [PHASE_LOOK] = {"GET " SEATS "availability", BEARER_PASS, .accept = "application/octet-stream"},
    [PHASE_HOLD] = {"POST " SEATS "holds", BEARER_PASS, "hold", .body = put_seats},
    [PHASE_SECOND] = {"POST " SEATS "holds", BEARER_PASS, "second", .body = put_seats},
    [PHASE_DROP] = {"DELETE " SEATS "holds/{hold}", BEARER_PASS},
    [PHASE_EXTEND] = {"POST " SAGA "extend", BEARER_SERVICE, .body = put_own_order},
    [PHASE_CONFIRM] = {"POST " SAGA "confirm", BEARER_SERVICE, .body = put_own_order},
    [PHASE_ORDER] = {"POST " ORDER, BEARER_PASS, "order", .account = true, .body = put_order},
    [PHASE_SHARE] = {"POST " ORDER, BEARER_PASS, "share", .account = true, .body = put_order},
    [PHASE_PAY] = {"POST /pay/{page}", .body = put_card},
    [PHASE_WATCH] = {"GET " ORDER "/{order}", BEARER_PASS, .account = true},
    [PHASE_OVER] = {"GET " ORDER "/{order}", BEARER_PASS, .account = true},
    [PHASE_TICKETS] = {"GET " ORDER "/{order}/tickets", BEARER_PASS, .account = true},
};

static const char *value_of(const struct visitor *visitor, struct span name)
{
    if (span_eq(name, SPAN("event")))
        return visitor->crowd->scenario->event;
    if (span_eq(name, SPAN("hold")))
        return visitor->baggage->hold;
    return span_eq(name, SPAN("order")) ? visitor->baggage->order : visitor->baggage->page;
}

static void put_line(struct text *out, const struct visitor *visitor, const char *line)
{
    struct span rest = span_of(line), part;
    while (rest.ptr != NULL) {
        rest = span_cut(rest, '{', &part);
        text_put(out, part);
        if (rest.ptr == NULL)
            break;
        rest = span_cut(rest, '}', &part);
        text_str(out, value_of(visitor, part));
    }
    text_printf(out, " HTTP/1.1\r\nHost: %s\r\n", visitor->crowd->scenario->host);
}

/* A first join has no ticket yet; a rejoin sends it. */
static const char *bearer_of(const struct visitor *visitor, const struct request *request)
{
    bool joins = request == &requests[PHASE_JOIN] && visitor->trick != 1 + TRICK_REJOIN;
    if (request->bearer == BEARER_PASS)
        return visitor->baggage->pass;
    if (request->bearer == BEARER_SERVICE)
        return visitor->crowd->service_token;
    return request->bearer == BEARER_TICKET && !joins ? visitor->ticket : NULL;
}

/* Acts as a trusted proxy, so each visitor has its own address. In a trick with a pass or a hold
 * that was handed over, the other person has another address and another account. */
static void put(struct text *out, const struct visitor *visitor, const struct request *request)
{
    const struct crowd *crowd = visitor->crowd;
    const char *bearer = bearer_of(visitor, request);
    bool shared = visitor->phase == PHASE_SHARE, posts = request->line[0] == 'P';
    char memory[1024];
    struct text body = text_on(memory, sizeof(memory));
    put_line(out, visitor, request->line);
    text_printf(out, "X-Forwarded-For: %d.%u.%u.%u\r\n",
                shared || visitor->phase == PHASE_SECOND ? 11 : 10, visitor->number >> 16 & 255,
                visitor->number >> 8 & 255, visitor->number & 255);
    if (bearer != NULL)
        text_printf(out, "Authorization: Bearer %s\r\n", bearer);
    if (request->account)
        text_printf(out, "Cookie: %s\r\n",
                    crowd->buyers[(visitor->number + shared) % crowd->buyers_len].cookie);
    if (request->key != NULL)
        text_printf(out, "Idempotency-Key: %016lx-%u-%s", crowd->salt, visitor->number,
                    request->key);
    if (request == &requests[PHASE_HOLD]) /* each attempt is for other seats */
        text_printf(out, "-%u", visitor->attempt);
    if (request->key != NULL)
        TEXT_LIT(out, "\r\n");
    if (request->accept != NULL)
        text_printf(out, "Accept: %s\r\n", request->accept);
    if (request == &requests[PHASE_JOIN] && visitor->proof != NULL)
        text_printf(out, "X-Proof-Of-Work: %s\r\n", visitor->proof);
    if (request->body != NULL)
        request->body(&body, visitor);
    if (body.len > 0)
        text_printf(out, "Content-Type: application/%s\r\n",
                    request->body == put_card ? "x-www-form-urlencoded" : "json");
    if (posts)
        text_printf(out, "Content-Length: %zu\r\n", body.len);
    TEXT_LIT(out, "\r\n");
    text_put(out, text_span(&body));
}

void visitor_ask(void *ctx, struct text *out)
{
    const struct visitor *visitor = ctx;
    assert(requests[visitor->phase].line != NULL);
    put(out, visitor, &requests[visitor->phase]);
}

size_t visitor_ask_stream(const struct visitor *visitor, char *memory, size_t cap)
{
    struct text out = text_on(memory, cap);
    put(&out, visitor, &requests[PHASE_LISTEN]);
    assert(!out.overflown);
    return out.len;
}
