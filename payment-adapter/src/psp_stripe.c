/* psp_stripe.c: PaymentIntents with manual capture.
 *
 * What an answer means is decided in one place, by the operation and the intent that came with it:
 * an error of the kind "unexpected state" carries the intent, so a capture that was made before
 * (our answer was lost, the key forgotten) is seen as made, and a cancel of what is canceled as
 * done. 401 and 403 say that our key is wrong; nothing follows from that for the order, so it is
 * UNKNOWN, and an alarm. */
#include "base/text.h"
#include "psp.h"

#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORM_MAX = 4096, URL_MAX = 1024 };

/* ---- reading ---- */

static void copy_string(const json_t *value, char *to, size_t cap)
{
    struct span text = {json_string_value(value), json_string_length(value)};
    if (!json_is_string(value) || !span_to_cstr(text, to, cap))
        to[0] = '\0';
}

static uint64_t number_of(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) > 0
               ? (uint64_t)json_integer_value(value)
               : 0;
}

static bool state_of(const char *status, enum payment_state *out)
{
    static const struct {
        const char *status;
        enum payment_state state;
    } states[] = {
        {"requires_payment_method", PAYMENT_OPEN},
        {"requires_confirmation", PAYMENT_OPEN},
        {"requires_action", PAYMENT_OPEN},
        {"processing", PAYMENT_OPEN},
        {"requires_capture", PAYMENT_AUTHORISED},
        {"succeeded", PAYMENT_CAPTURED},
        {"canceled", PAYMENT_CANCELED},
    };
    for (size_t i = 0; status != NULL && i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(status, states[i].status) == 0) {
            *out = states[i].state;
            return true;
        }
    }
    return false;
}

static bool read_intent(const json_t *intent, struct payment *out)
{
    if (!json_is_object(intent) ||
        !state_of(json_string_value(json_object_get(intent, "status")), &out->state))
        return false;
    copy_string(json_object_get(intent, "id"), out->id, sizeof(out->id));
    copy_string(json_object_get(intent, "client_secret"), out->secret, sizeof(out->secret));
    out->amount = number_of(json_object_get(intent, "amount"));
    out->captured = number_of(json_object_get(intent, "amount_received"));
    const json_t *charge = json_object_get(intent, "latest_charge");
    out->refunded = number_of(json_object_get(charge, "amount_refunded"));
    return out->id[0] != '\0';
}

/* ---- writing ---- */

static void field(struct text *form, const char *name, struct span value)
{
    if (form->len > 0)
        text_char(form, '&');
    text_str(form, name);
    text_char(form, '=');
    outcall_escape(form, value);
}

static void field_u64(struct text *form, const char *name, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    field(form, name, span_of(digits));
}

/* Which Stripe writes small, and a key remembers what was asked under it to the letter. */
static void field_currency(struct text *form, const char *currency)
{
    char small[4] = "";
    for (int i = 0; i < 3; i++)
        small[i] = (char)tolower((unsigned char)currency[i]);
    field(form, "currency", span_of(small));
}

static void put_url(const struct psp *psp, struct peer_call *call)
{
    struct text url = text_on(call->payment.url, sizeof(call->payment.url) - 1);
    text_str(&url, psp->conf.checkout_url);
    outcall_escape(&url, span_of(call->payment.secret));
    TEXT_LIT(&url, "?return_url=");
    outcall_escape(&url, span_of(psp->conf.return_url));
    outcall_escape(&url, span_of(call->order->id));
    TEXT_LIT(&url, "&lang=");
    outcall_escape(&url, span_of(call->order->lang));
    call->payment.url[url.overflown ? 0 : url.len] = '\0';
}

/* ---- judging ---- */

struct stripe_call {
    struct psp *psp;
    struct peer_call *peer;
};

/* The intent as it is now, and what that means for what was asked. */
static void judge_intent(struct peer_call *peer)
{
    enum payment_state state = peer->payment.state;
    switch (peer->op) {
    case PEER_PSP_CREATE:
    case PEER_PSP_READ:
        psp_tell(peer, SAGA_DONE, NULL, NULL);
        return;
    case PEER_PSP_CAPTURE:
        if (state == PAYMENT_CAPTURED)
            psp_tell(peer, SAGA_DONE, NULL, NULL);
        else if (state == PAYMENT_AUTHORISED)
            psp_tell(peer, SAGA_UNKNOWN, "not-captured-yet", NULL);
        else
            psp_tell(peer, SAGA_FAILED, "authorisation-gone", NULL);
        return;
    default:
        assert(peer->op == PEER_PSP_CANCEL);
        /* What is captured cannot be canceled; the next try reads that, and refunds. */
        psp_tell(peer, state == PAYMENT_CANCELED ? SAGA_DONE : SAGA_UNKNOWN,
                 state == PAYMENT_CANCELED ? NULL : "not-canceled-yet", NULL);
    }
}

static void judge_good(struct stripe_call *call, const json_t *body)
{
    struct peer_call *peer = call->peer;
    if (peer->op == PEER_PSP_REFUND) {
        const char *status = json_string_value(json_object_get(body, "status"));
        bool failed =
            status != NULL && (strcmp(status, "failed") == 0 || strcmp(status, "canceled") == 0);
        /* "pending" is a bank that takes its time: the money is on its way. */
        psp_tell(peer,
                 status == NULL ? SAGA_UNKNOWN
                 : failed       ? SAGA_FAILED
                                : SAGA_DONE,
                 failed ? "refund-failed" : NULL, NULL);
        return;
    }
    if (!read_intent(body, &peer->payment)) {
        psp_tell(peer, SAGA_UNKNOWN, "unreadable", "no payment in a good answer");
        return;
    }
    put_url(call->psp, peer);
    judge_intent(peer);
}

static void judge_error(struct stripe_call *call, const struct outcall_answer *answer,
                        const json_t *body)
{
    struct peer_call *peer = call->peer;
    const json_t *error = json_object_get(body, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *type = json_string_value(json_object_get(error, "type"));
    const char *message = json_string_value(json_object_get(error, "message"));
    if (answer->status == 401 || answer->status == 403 || type == NULL) {
        psp_tell_unknown(peer, answer);
    } else if (strcmp(type, "idempotency_error") == 0) {
        psp_tell(peer, SAGA_UNKNOWN, "idempotency-error", message);
        peer->key_burnt = true;
    } else if (peer->op == PEER_PSP_REFUND && code != NULL &&
               strcmp(code, "charge_already_refunded") == 0) {
        psp_tell(peer, SAGA_DONE, "was-refunded", NULL);
    } else if (peer->op != PEER_PSP_REFUND &&
               read_intent(json_object_get(error, "payment_intent"), &peer->payment)) {
        put_url(call->psp, peer);
        judge_intent(peer);
    } else {
        psp_tell(peer, SAGA_FAILED, code != NULL ? code : type, message);
    }
}

static bool is_explicit(unsigned status)
{
    return status >= 400 && status < 500 && status != 408 && status != 409 && status != 425 &&
           status != 429;
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    struct stripe_call *call = ctx;
    struct peer_call *peer = call->peer;
    json_t *body = answer->rc == 0 ? json_loadb(answer->body.ptr, answer->body.len, 0, NULL) : NULL;
    if (answer->rc < 0 || (answer->status >= 300 && !is_explicit(answer->status)))
        psp_tell_unknown(peer, answer);
    else if (answer->status < 300)
        judge_good(call, body);
    else
        judge_error(call, answer, body);
    json_decref(body);
    free(call);
    peer->on_done(peer);
}

/* ---- asking ---- */

static void dispatch(struct psp *psp, struct peer_call *peer, const char *path, const char *act,
                     const struct text *form)
{
    struct stripe_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        abort();
    *call = (struct stripe_call){psp, peer};
    char url[URL_MAX], auth[320], key[160], trace[96];
    snprintf(url, sizeof(url), "%s%s", psp->conf.api_url, path);
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", psp->conf.key);
    snprintf(key, sizeof(key), "Idempotency-Key: fairgate-%s-%s-%u", peer->order->id, act,
             peer->order->key_round);
    snprintf(trace, sizeof(trace), "traceparent: %s", peer->trace != NULL ? peer->trace : "");
    struct outcall out = {
        .url = url,
        .timeout_ms =
            peer->timeout_ms < psp->conf.timeout_ms ? peer->timeout_ms : psp->conf.timeout_ms,
        .on_done = on_answer,
        .ctx = call,
        .headers = {auth, trace},
    };
    if (form != NULL) {
        out.headers[2] = "Content-Type: application/x-www-form-urlencoded";
        out.headers[3] = key;
        out.body = (struct span){form->len > 0 ? form->ptr : "", form->len};
    }
    outcall_send(psp->conf.outcalls, &out);
}

static void start(struct psp *psp, struct peer_call *peer)
{
    const struct order *order = peer->order;
    char memory[FORM_MAX], path[URL_MAX];
    struct text form = text_on(memory, sizeof(memory));
    switch (peer->op) {
    case PEER_PSP_CREATE:
        field_u64(&form, "amount", order->amount);
        field_currency(&form, order->currency);
        field(&form, "capture_method", SPAN("manual"));
        field(&form, "payment_method_types[0]", SPAN("card"));
        field(&form, "metadata[order]", span_of(order->id));
        field(&form, "metadata[event]", span_of(order->event));
        dispatch(psp, peer, "/v1/payment_intents", "create", &form);
        return;
    case PEER_PSP_READ:
        snprintf(path, sizeof(path), "/v1/payment_intents/%s?expand[0]=latest_charge",
                 order->payment);
        dispatch(psp, peer, path, "read", NULL);
        return;
    case PEER_PSP_CAPTURE:
        field_u64(&form, "amount_to_capture", order->amount);
        snprintf(path, sizeof(path), "/v1/payment_intents/%s/capture", order->payment);
        dispatch(psp, peer, path, "capture", &form);
        return;
    case PEER_PSP_CANCEL:
        field(&form, "cancellation_reason", SPAN("abandoned"));
        snprintf(path, sizeof(path), "/v1/payment_intents/%s/cancel", order->payment);
        dispatch(psp, peer, path, "cancel", &form);
        return;
    default:
        assert(peer->op == PEER_PSP_REFUND);
        field(&form, "payment_intent", span_of(order->payment));
        field(&form, "reason", SPAN("requested_by_customer"));
        field(&form, "metadata[order]", span_of(order->id));
        dispatch(psp, peer, "/v1/refunds", "refund", &form);
    }
}

/* ---- webhooks ---- */

static bool is_signed(struct span secret, struct span stamp, struct span body, struct span hex)
{
    uint8_t mac[32], given[32];
    size_t given_len;
    if (hex.len != 64 ||
        sodium_hex2bin(given, sizeof(given), hex.ptr, hex.len, NULL, &given_len, NULL) != 0)
        return false;
    for (size_t i = 0; i < hex.len; i++) { /* as the provider writes it, and in no other way */
        if (hex.ptr[i] >= 'A' && hex.ptr[i] <= 'F')
            return false;
    }
    crypto_auth_hmacsha256_state hmac;
    crypto_auth_hmacsha256_init(&hmac, (const uint8_t *)secret.ptr, secret.len);
    crypto_auth_hmacsha256_update(&hmac, (const uint8_t *)stamp.ptr, stamp.len);
    crypto_auth_hmacsha256_update(&hmac, (const uint8_t *)".", 1);
    crypto_auth_hmacsha256_update(&hmac, (const uint8_t *)body.ptr, body.len);
    crypto_auth_hmacsha256_final(&hmac, mac);
    return given_len == sizeof(mac) && sodium_memcmp(mac, given, sizeof(mac)) == 0;
}

static bool is_signed_by_any(struct span secrets, struct span stamp, struct span body,
                             struct span signature)
{
    bool found = false;
    struct span item;
    for (struct span rest = signature; rest.ptr != NULL;) {
        rest = span_cut(rest, ',', &item);
        if (!span_starts(item, SPAN("v1=")))
            continue;
        struct span secret;
        for (struct span left = secrets; left.ptr != NULL;) {
            left = span_cut(left, ' ', &secret);
            if (secret.len > 0)
                found |= is_signed(secret, stamp, body, span_skip(item, 3));
        }
    }
    return found;
}

int psp_stripe_verify(struct span secrets, struct span signature, struct span body, uint64_t now_s,
                      uint64_t tolerance_s, struct err_slot *err)
{
    struct span item, stamp = {NULL, 0};
    unsigned stamps = 0;
    for (struct span rest = signature; rest.ptr != NULL;) {
        rest = span_cut(rest, ',', &item);
        if (span_starts(item, SPAN("t="))) {
            stamp = span_skip(item, 2);
            stamps++;
        }
    }
    uint64_t at_s;
    if (stamps != 1 || !span_u64(stamp, UINT32_MAX * UINT64_C(4), &at_s))
        return err_set(err, ERR_SYNTAX, "webhook signature without one timestamp");
    /* The signature first: a forger should not learn what our clock says. */
    if (!is_signed_by_any(secrets, stamp, body, signature))
        return err_set(err, ERR_AUTH, "webhook signature does not match");
    uint64_t apart_s = at_s > now_s ? at_s - now_s : now_s - at_s;
    if (apart_s > tolerance_s)
        return err_set(err, ERR_TIMEOUT, "webhook signed %llu s %s", (unsigned long long)apart_s,
                       at_s > now_s ? "ahead of our clock" : "ago");
    return 0;
}

enum { TOLERANCE_S = 300 };

/* The payment that an event is about: the intent itself, or what a charge or refund names. */
static void payment_of(const json_t *object, char *to, size_t cap)
{
    const char *kind = json_string_value(json_object_get(object, "object"));
    bool intent = kind != NULL && strcmp(kind, "payment_intent") == 0;
    copy_string(json_object_get(object, intent ? "id" : "payment_intent"), to, cap);
}

static bool read_event(const json_t *event, struct psp_event *out)
{
    const json_t *object = json_object_get(json_object_get(event, "data"), "object");
    copy_string(json_object_get(event, "id"), out->id, sizeof(out->id));
    copy_string(json_object_get(event, "type"), out->kind, sizeof(out->kind));
    payment_of(object, out->payment, sizeof(out->payment));
    return out->id[0] != '\0' && out->kind[0] != '\0';
}

static int webhook(const struct psp *psp, struct span signature, struct span body, uint64_t now_s,
                   struct err_slot *err, struct psp_event *out)
{
    int rc = psp_stripe_verify(span_of(psp->conf.webhook_secrets), signature, body, now_s,
                               TOLERANCE_S, err);
    if (rc < 0)
        return rc;
    json_t *event = json_loadb(body.ptr, body.len, 0, NULL);
    bool good = read_event(event, out);
    json_decref(event);
    return good ? 0 : err_set(err, ERR_SYNTAX, "webhook body is no event");
}

/* ---- the list of events ---- */

static void read_events(const json_t *list, struct psp_events *events)
{
    const json_t *data = json_object_get(list, "data");
    size_t len = json_array_size(data);
    events->more = json_is_true(json_object_get(list, "has_more"));
    for (size_t i = len; i > 0 && events->len < PSP_EVENTS_MAX; i--) { /* newest first at Stripe */
        const json_t *event = json_array_get(data, i - 1);
        struct psp_event_row *row = &events->rows[events->len];
        if (!read_event(event, &row->event))
            continue;
        const json_t *object = json_object_get(json_object_get(event, "data"), "object");
        struct payment payment = {0};
        read_intent(object, &payment);
        row->amount = payment.amount;
        row->captured = payment.captured;
        row->state = payment.state;
        row->refunded = number_of(json_object_get(object, "amount_refunded"));
        copy_string(json_object_get(json_object_get(object, "metadata"), "order"), row->order,
                    sizeof(row->order));
        events->len++;
    }
}

static void events(struct psp *psp, const char *id, bool older,
                   void (*on_done)(void *ctx, const struct psp_events *events), void *ctx)
{
    char url[URL_MAX], auth[320];
    const char *side = id[0] == '\0' ? "" : older ? "&starting_after=" : "&ending_before=";
    snprintf(url, sizeof(url), "%s/v1/events?limit=%d%s%s", psp->conf.api_url, PSP_EVENTS_MAX, side,
             id);
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", psp->conf.key);
    psp_list_get(psp, url, auth, read_events, on_done, ctx);
}

const struct psp_driver psp_stripe = {"stripe", start, webhook, events, false};
