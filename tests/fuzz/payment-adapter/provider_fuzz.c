/* provider_fuzz.c: a payment provider's responses to each of the five calls of each driver, and its
 * list of events. There is no network: psp.c is included as source, and a request that it would
 * send gets the next response of the input.
 *
 * Holds: each call ends once; silence and 5xx never count as a refusal; a call that succeeds did
 * what was requested; all strings end within their bounds.
 *
 * An input is lines. The first has a letter each for provider, call and the order's progress. Each
 * other line is a response: a letter for its status, one for its headers, its body. */
#include "../fuzz.h"
#define outcall_send fuzz_send
#include "psp/psp.c"
#undef outcall_send

#include "../json_mutator.h"

enum { QUESTIONS = 6, SENDS_MAX = 16 };

static struct {
    outcall_on_done *on_done; /* NULL: no request is open */
    void *ctx;
    unsigned sends;
    bool clear_no; /* a response could mean a refusal */
} wire;

void fuzz_send(struct outcalls *outcalls, const struct outcall *call)
{
    (void)outcalls;
    assert(wire.on_done == NULL); /* one request at a time */
    assert(call->url[0] != '\0');
    assert(strlen(call->url) < OUTCALL_REPLY_MAX);
    wire.on_done = call->on_done;
    wire.ctx = call->ctx;
    wire.sends++;
}

static struct span next_line(struct span *rest)
{
    struct span line;
    *rest = span_cut(*rest, '\n', &line);
    return line;
}

static unsigned letter(struct span line, size_t at)
{
    return line.len > at ? (unsigned char)line.ptr[at] : 0;
}

static void answer_next(struct span *rest)
{
    static const unsigned statuses[] = {200, 200, 201, 400, 401, 402, 403,
                                        404, 408, 409, 429, 500, 503, 302};
    struct span line = rest->ptr != NULL ? next_line(rest) : (struct span){NULL, 0};
    struct outcall_answer answer = {.rc = ERR_TIMEOUT};
    if (line.len >= 2) {
        answer.rc = 0;
        answer.status = statuses[letter(line, 0) % (sizeof(statuses) / sizeof(statuses[0]))];
        answer.replayed = (letter(line, 1) & 1) != 0;
        answer.retry_after_s = (letter(line, 1) & 2) != 0 ? 7 : 0;
        answer.body = span_skip(line, 2);
    }
    wire.clear_no = wire.clear_no || (answer.rc == 0 && answer.status < 500);
    outcall_on_done *on_done = wire.on_done;
    wire.on_done = NULL;
    on_done(wire.ctx, &answer);
}

static unsigned answered;

static void on_answered(struct peer_call *call)
{
    (void)call;
    answered++;
}

static bool ends(const char *text, size_t cap)
{
    return memchr(text, '\0', cap) != NULL;
}

static void judge(const struct peer_call *call)
{
    const struct payment *payment = &call->payment;
    assert(answered == 1);
    assert(call->verdict < SAGA_VERDICT_COUNT);
    assert(ends(call->code, sizeof(call->code)) && ends(call->detail, sizeof(call->detail)));
    assert(ends(payment->id, sizeof(payment->id)) &&
           ends(payment->secret, sizeof(payment->secret)));
    assert(ends(payment->url, sizeof(payment->url)) &&
           ends(payment->currency, sizeof(payment->currency)));
    assert(call->verdict != SAGA_FAILED || wire.clear_no);
    assert(call->verdict != SAGA_DONE || wire.clear_no || wire.sends == 0);
    if (call->verdict != SAGA_DONE)
        return;
    if (call->op == PEER_PSP_CAPTURE)
        assert(
            payment->state == PAYMENT_CAPTURED ||
            (payment->state == PAYMENT_HINTED && order_is_checked(call->order, ORDER_CHECK_ASKED)));
    if (call->op == PEER_PSP_CREATE || call->op == PEER_PSP_READ)
        assert(payment->state <= PAYMENT_HINTED);
}

static void on_events(void *ctx, const struct psp_events *events)
{
    (void)ctx;
    answered++;
    assert(events->len <= PSP_EVENTS_MAX);
    for (uint32_t i = 0; i < events->len; i++) {
        const struct psp_event_row *row = &events->rows[i];
        assert(row->state <= PAYMENT_CANCELED);
        assert(ends(row->event.id, sizeof(row->event.id)) &&
               ends(row->event.kind, sizeof(row->event.kind)));
        assert(ends(row->event.payment, sizeof(row->event.payment)));
        assert(ends(row->event.order, sizeof(row->event.order)) &&
               ends(row->ret.id, sizeof(row->ret.id)));
        assert(row->ret.state <= PAYMENT_RETURN_FAILED);
    }
}

static struct order the_order(unsigned how)
{
    struct order order = {.id = "o1",
                          .event = "show",
                          .lang = "ko",
                          .currency = "KRW",
                          .amount = 154000,
                          .refund = (how & 4) != 0 ? 77000 : 0,
                          .expires_ms = UINT64_C(1800000000000)};
    static const char *const payments[] = {"", "pi_1", "cs_1", "key1"};
    span_to_cstr(span_of(payments[how & 3]), order.payment, sizeof(order.payment));
    if ((how & 8) != 0)
        memcpy(order.payment_key, "key1", 5);
    if ((how & 32) != 0) {
        memcpy(order.checked_key, "key1", 5);
        order.check = ORDER_CHECK_ASKED;
    }
    return order;
}

static void fuzz(struct span rest)
{
    static struct clock_fake clock;
    static struct psp_shared shared;
    clock_fake_init(&clock, UINT64_C(1799999000000000));
    pace_init(&shared.pace, 1000);
    struct span first = next_line(&rest);
    unsigned op = letter(first, 1) % QUESTIONS;
    struct order order = the_order(letter(first, 2));
    struct psp psp = {.place = letter(first, 0) % PSP_PROVIDERS};
    psp.driver = psp_drivers[psp.place];
    psp.conf = (struct psp_conf){.api_url = "http://psp",
                                 .key = "sk_test",
                                 .webhook_secrets = "whsec",
                                 .checkout_url = (letter(first, 2) & 16) != 0 ? "http://pay/" : "",
                                 .return_url = "http://shop/",
                                 .timeout_ms = 1000,
                                 .clock = &clock.clock,
                                 .shared = &shared};
    memset(&wire, 0, sizeof(wire));
    answered = 0;
    struct peer_call call = {.op = (enum peer_op)(PEER_PSP_CREATE + op),
                             .order = &order,
                             .timeout_ms = 1000,
                             .trace = "",
                             .on_done = on_answered};
    if (op < QUESTIONS - 1)
        psp.driver->start(&psp, &call);
    else
        psp.driver->events(&psp, (letter(first, 2) & 1) != 0 ? "2026-11-21T00:00:00/k1" : "", false,
                           PSP_EVENTS_MAX, on_events, NULL);
    while (wire.on_done != NULL) {
        assert(wire.sends <= SENDS_MAX);
        answer_next(&rest);
    }
    assert(answered == 1);
    if (op < QUESTIONS - 1)
        judge(&call);
}
