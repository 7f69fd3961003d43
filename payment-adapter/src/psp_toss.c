/* psp_toss.c: Toss Payments, whose flow is another one: the buyer pays in Toss's window under our
 * order id, and the money moves when we confirm. So confirm is our capture; before it there is
 * nothing to cancel (what nobody confirms runs out by itself after ten minutes); and the payment's
 * name, paymentKey, is only known once the buyer has been there. Until then the order's own id is
 * the payment's: every call reads the payment by it first, and acts on what it finds.
 *
 * Its webhooks are not signed. They are hints: the order is looked at, and nothing is believed. */
#include "base/text.h"
#include "psp.h"

#include <assert.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { URL_MAX = 1024, BODY_MAX = 1024, AUTH_MAX = 640 };

struct toss_call {
    struct psp *psp;
    struct peer_call *peer;
    char payment_key[ORDER_PAYMENT_MAX];
    uint64_t total; /* as Toss has it */
};

static void finish(struct toss_call *call)
{
    struct peer_call *peer = call->peer;
    free(call);
    peer->on_done(peer);
}

static void put_auth(const struct psp_conf *conf, char auth[AUTH_MAX])
{
    char plain[320], encoded[512];
    int len = snprintf(plain, sizeof(plain), "%s:", conf->key);
    assert(len > 0 && (size_t)len < sizeof(plain));
    sodium_bin2base64(encoded, sizeof(encoded), (const uint8_t *)plain, (size_t)len,
                      sodium_base64_VARIANT_ORIGINAL);
    snprintf(auth, AUTH_MAX, "Authorization: Basic %s", encoded);
    sodium_memzero(plain, sizeof(plain));
}

static void dispatch(struct toss_call *call, const char *path, const char *act, const char *body,
                     outcall_on_done *on_done)
{
    const struct psp_conf *conf = &call->psp->conf;
    char url[URL_MAX], auth[AUTH_MAX], key[160];
    put_auth(conf, auth);
    snprintf(url, sizeof(url), "%s%s", conf->api_url, path);
    snprintf(key, sizeof(key), "Idempotency-Key: fairgate-%s-%s-%u", call->peer->order->id, act,
             call->peer->order->key_round);
    struct outcall out = {
        .url = url,
        .timeout_ms =
            call->peer->timeout_ms < conf->timeout_ms ? call->peer->timeout_ms : conf->timeout_ms,
        .on_done = on_done,
        .ctx = call,
        .headers = {auth},
    };
    if (body != NULL) {
        out.headers[1] = "Content-Type: application/json";
        out.headers[2] = key;
        out.body = span_of(body);
    }
    outcall_send(conf->outcalls, &out);
}

static uint64_t number_of(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) > 0
               ? (uint64_t)json_integer_value(value)
               : 0;
}

static void copy_string(const json_t *value, char *to, size_t cap)
{
    struct span text = {json_string_value(value), json_string_length(value)};
    if (!json_is_string(value) || !span_to_cstr(text, to, cap))
        to[0] = '\0';
}

/* A payment that ended without money (aborted, expired) leaves the order open: the buyer may try
 * again until the seats' time is over. */
static bool read_payment(struct toss_call *call, const json_t *body)
{
    struct payment *payment = &call->peer->payment;
    const char *status = json_string_value(json_object_get(body, "status"));
    if (status == NULL)
        return false;
    uint64_t total = number_of(json_object_get(body, "totalAmount"));
    uint64_t balance = number_of(json_object_get(body, "balanceAmount"));
    copy_string(json_object_get(body, "paymentKey"), call->payment_key, sizeof(call->payment_key));
    call->total = total;
    payment->amount = total;
    if (strcmp(status, "IN_PROGRESS") == 0) {
        payment->state = PAYMENT_AUTHORISED;
    } else if (strcmp(status, "DONE") == 0 || strcmp(status, "CANCELED") == 0 ||
               strcmp(status, "PARTIAL_CANCELED") == 0) {
        payment->state = PAYMENT_CAPTURED;
        payment->captured = total;
        payment->refunded = total - (balance < total ? balance : total);
    } else {
        payment->state = PAYMENT_OPEN;
    }
    return true;
}

static void put_payment(struct toss_call *call)
{
    struct payment *payment = &call->peer->payment;
    const struct order *order = call->peer->order;
    const struct psp_conf *conf = &call->psp->conf;
    snprintf(payment->id, sizeof(payment->id), "%s", order->id);
    struct text url = text_on(payment->url, sizeof(payment->url) - 1);
    text_str(&url, conf->checkout_url);
    TEXT_LIT(&url, "?orderId=");
    outcall_escape(&url, span_of(order->id));
    TEXT_LIT(&url, "&amount=");
    text_u64(&url, order->amount);
    TEXT_LIT(&url, "&orderName=");
    outcall_escape(&url, span_of(order->event));
    TEXT_LIT(&url, "&successUrl=");
    outcall_escape(&url, span_of(conf->return_url));
    outcall_escape(&url, span_of(order->id));
    TEXT_LIT(&url, "&failUrl=");
    outcall_escape(&url, span_of(conf->return_url));
    outcall_escape(&url, span_of(order->id));
    payment->url[url.overflown ? 0 : url.len] = '\0';
}

static bool is_explicit(unsigned status)
{
    return status >= 400 && status < 500 && status != 408 && status != 409 && status != 425 &&
           status != 429 && status != 401;
}

/* ---- acting, once the payment was read ---- */

static void on_acted(void *ctx, const struct outcall_answer *answer)
{
    struct toss_call *call = ctx;
    struct peer_call *peer = call->peer;
    json_t *body = answer->rc == 0 ? json_loadb(answer->body.ptr, answer->body.len, 0, NULL) : NULL;
    const char *code = json_string_value(json_object_get(body, "code"));
    if (answer->rc < 0 || (answer->status >= 300 && !is_explicit(answer->status)) || body == NULL) {
        psp_tell_unknown(peer, answer);
    } else if (answer->status < 300) {
        bool good = read_payment(call, body);
        put_payment(call);
        psp_tell(peer, good ? SAGA_DONE : SAGA_UNKNOWN, good ? NULL : "unreadable", NULL);
    } else if (code != NULL && strncmp(code, "ALREADY_", 8) == 0) {
        /* Somebody was before us, most likely ourselves: the next try reads which. */
        psp_tell(peer, SAGA_UNKNOWN, "already", code);
    } else if (code != NULL && strcmp(code, "INVALID_IDEMPOTENCY_KEY") == 0) {
        psp_tell(peer, SAGA_UNKNOWN, "idempotency-error", NULL);
        peer->key_burnt = true;
    } else {
        psp_tell(peer, SAGA_FAILED, "authorisation-gone", code);
    }
    json_decref(body);
    finish(call);
}

static void confirm(struct toss_call *call)
{
    char memory[BODY_MAX];
    struct text body = text_on(memory, sizeof(memory) - 1);
    json_open(&body, '{');
    json_member_cstr(&body, "paymentKey", call->payment_key);
    json_member_cstr(&body, "orderId", call->peer->order->id);
    json_member_u64(&body, "amount", call->peer->order->amount);
    json_close(&body, '}');
    memory[body.len] = '\0';
    dispatch(call, "/v1/payments/confirm", "confirm", memory, on_acted);
}

static void cancel(struct toss_call *call)
{
    char path[URL_MAX];
    snprintf(path, sizeof(path), "/v1/payments/%s/cancel", call->payment_key);
    dispatch(call, path, "refund", "{\"cancelReason\":\"refund\"}", on_acted);
}

/* What is found decides what there is to do; often nothing. */
static void act(struct toss_call *call)
{
    struct peer_call *peer = call->peer;
    const struct payment *payment = &peer->payment;
    put_payment(call);
    switch (peer->op) {
    case PEER_PSP_CAPTURE:
        if (payment->state == PAYMENT_AUTHORISED) {
            confirm(call);
            return;
        }
        psp_tell(peer, payment->state == PAYMENT_CAPTURED ? SAGA_DONE : SAGA_FAILED,
                 payment->state == PAYMENT_CAPTURED ? NULL : "authorisation-gone", NULL);
        break;
    case PEER_PSP_CANCEL:
        /* Unconfirmed money cannot move; confirmed money has to be refunded, as the next try will
         * read. */
        psp_tell(peer, payment->state == PAYMENT_CAPTURED ? SAGA_UNKNOWN : SAGA_DONE,
                 payment->state == PAYMENT_CAPTURED ? "captured" : NULL, NULL);
        break;
    case PEER_PSP_REFUND:
        if (payment->state == PAYMENT_CAPTURED && payment->refunded < payment->captured) {
            cancel(call);
            return;
        }
        psp_tell(peer, payment->captured > 0 ? SAGA_DONE : SAGA_FAILED,
                 payment->captured > 0 ? NULL : "not-captured", NULL);
        break;
    default:
        psp_tell(peer, SAGA_DONE, NULL, NULL);
    }
    finish(call);
}

static void on_read(void *ctx, const struct outcall_answer *answer)
{
    struct toss_call *call = ctx;
    json_t *body = answer->rc == 0 ? json_loadb(answer->body.ptr, answer->body.len, 0, NULL) : NULL;
    bool found = answer->rc == 0 && answer->status == 200 && read_payment(call, body);
    /* Nobody has paid under this order yet: that is an answer, too. */
    bool nothing = answer->rc == 0 && answer->status == 404 && body != NULL;
    json_decref(body);
    if (found || nothing) {
        if (nothing)
            call->peer->payment =
                (struct payment){.state = PAYMENT_OPEN, .amount = call->peer->order->amount};
        act(call);
        return;
    }
    psp_tell_unknown(call->peer, answer);
    finish(call);
}

static void start(struct psp *psp, struct peer_call *peer)
{
    struct toss_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        abort();
    call->psp = psp;
    call->peer = peer;
    char path[URL_MAX];
    snprintf(path, sizeof(path), "/v1/payments/orders/%s", peer->order->id);
    dispatch(call, path, "read", NULL, on_read);
}

static int webhook(const struct psp *psp, struct span signature, struct span body, uint64_t now_s,
                   struct err_slot *err, struct psp_event *out)
{
    (void)psp;
    (void)signature;
    json_t *event = json_loadb(body.ptr, body.len, 0, NULL);
    const json_t *data = json_object_get(event, "data");
    char order[ORDER_ID_MAX], status[32], created[40];
    copy_string(json_object_get(data, "orderId"), order, sizeof(order));
    copy_string(json_object_get(data, "status"), status, sizeof(status));
    copy_string(json_object_get(event, "createdAt"), created, sizeof(created));
    json_decref(event);
    if (order[0] == '\0')
        return err_set(err, ERR_SYNTAX, "webhook body names no order");
    /* Nobody signs these, so anybody may send them: the same hint counts once in ten seconds. */
    snprintf(out->id, sizeof(out->id), "%s-%s-%llu", order, status,
             (unsigned long long)(now_s / 10));
    snprintf(out->kind, sizeof(out->kind), "PAYMENT_STATUS_CHANGED");
    snprintf(out->payment, sizeof(out->payment), "%s", order);
    return 0;
}

/* ---- the list of transactions ---- */

/* A place in the list is a moment and the transaction that stands there, "2026-11-20T19:00:00/txn":
 * the query wants both. Dates are Korean time without a zone. */

enum { KST_S = 9 * 3600, DAY_S = 24 * 3600, FIRST_LOOK_DAYS = 31, DATE_LEN = 19 };
/* Nothing is left out of its list because its clock is ahead of ours. */
enum { AHEAD_DAYS = 31 };

static void put_date(char out[DATE_LEN + 1], uint64_t unix_s)
{
    time_t local_s = (time_t)unix_s + KST_S;
    struct tm tm;
    gmtime_r(&local_s, &tm);
    strftime(out, DATE_LEN + 1, "%Y-%m-%dT%H:%M:%S", &tm);
}

/* Money taken is told once, with its amount; a cancel with what it gave back. CANCELED means that
 * nothing is left, whatever was given back before: the payment's state says so. What was given back
 * in part is at least the largest part; no order of ours is refunded in parts. */
static bool read_transaction(const json_t *item, struct psp_event_row *row)
{
    char key[64], at[40], status[32];
    copy_string(json_object_get(item, "transactionKey"), key, sizeof(key));
    copy_string(json_object_get(item, "transactionAt"), at, sizeof(at));
    copy_string(json_object_get(item, "status"), status, sizeof(status));
    copy_string(json_object_get(item, "orderId"), row->order, sizeof(row->order));
    snprintf(row->event.id, sizeof(row->event.id), "%.*s/%s", DATE_LEN, at, key);
    snprintf(row->event.kind, sizeof(row->event.kind), "%s", status);
    snprintf(row->event.payment, sizeof(row->event.payment), "%s", row->order);
    json_int_t amount = json_integer_value(json_object_get(item, "amount"));
    uint64_t moved = (uint64_t)(amount < 0 ? -amount : amount);
    row->state = PAYMENT_CAPTURED;
    if (strcmp(status, "DONE") == 0)
        row->amount = row->captured = moved;
    else if (strcmp(status, "CANCELED") == 0)
        row->state = PAYMENT_CANCELED;
    else if (strcmp(status, "PARTIAL_CANCELED") == 0)
        row->refunded = moved;
    else
        row->state = PAYMENT_OPEN;
    return key[0] != '\0' && strlen(at) >= DATE_LEN;
}

static void read_transactions(const json_t *list, struct psp_events *events)
{
    size_t len = json_array_size(list);
    events->more = len >= PSP_EVENTS_MAX;
    for (size_t i = 0; i < len && events->len < PSP_EVENTS_MAX; i++) {
        struct psp_event_row row = {0};
        if (read_transaction(json_array_get(list, i), &row))
            events->rows[events->len++] = row;
    }
}

static void events(struct psp *psp, const char *id, bool older,
                   void (*on_done)(void *ctx, const struct psp_events *events), void *ctx)
{
    assert(!older);
    char url[URL_MAX], auth[AUTH_MAX], from[DATE_LEN + 1], until[DATE_LEN + 1];
    uint64_t now_s = clock_wall_us(clock_system()) / 1000000;
    put_date(until, now_s + AHEAD_DAYS * DAY_S);
    put_date(from, now_s - FIRST_LOOK_DAYS * DAY_S);
    const char *key = strchr(id, '/');
    if (key != NULL)
        snprintf(from, sizeof(from), "%s", id); /* as far as the date goes */
    snprintf(url, sizeof(url), "%s/v1/transactions?startDate=%s&endDate=%s&limit=%d%s%s",
             psp->conf.api_url, from, until, PSP_EVENTS_MAX, key != NULL ? "&startingAfter=" : "",
             key != NULL ? key + 1 : "");
    put_auth(&psp->conf, auth);
    psp_list_get(psp, url, auth, read_transactions, on_done, ctx);
}

const struct psp_driver psp_toss = {"toss", start, webhook, events, true};
