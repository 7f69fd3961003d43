/* psp_stripe.c: PaymentIntents with manual capture, which begin in one of two ways. With a Checkout
 * Session (psp.stripe_flow = sessions) the buyer pays on Stripe's own page; with a bare intent, on
 * the company's own page at psp.stripe_checkout_url.
 *
 * A session has no intent until its buyer submits the page. Until then the payment is known by the
 * session's id, which can be read and expired; from then on by the intent's, which can be captured,
 * canceled and refunded, and which Stripe's list of events names. So the stored id says how an
 * order began ("cs_...", "pi_..."), and the order ends that way, whatever the setting says by then.
 * Stripe cancels a session's intent only once it is authorised; before that, the session is
 * expired. If it is submitted in that very moment it is no longer open, and the next try reads it
 * again.
 *
 * A session lives for at least half an hour, longer than the seats are held, so we expire it when
 * the hold ends. Its own expiry is computed from the order, not from the clock, since an
 * idempotency key allows no second version of a call.
 *
 * What an answer means is decided in one place, from the operation and the intent that came with
 * it. An "unexpected state" error carries the intent, so an earlier capture whose answer was lost
 * counts as made, and cancelling a canceled payment as done. 401 and 403 say that our key is wrong,
 * and a 404 may say so too: we created the payment, but another account's key never finds it. That
 * says nothing about the order, so it is UNKNOWN, and an alarm. Only codes that are known to
 * concern this buyer, this sum or this refund are a no.
 *
 * Each call names the API version for which this file was written, so the account's dashboard
 * settings change nothing here. */
#include "base/bug.h"
#include "base/json_in.h"
#include "base/text.h"
#include "config/config.h"
#include "psp/psp.h"

#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FORM_MAX = 12 * 1024, /* two of our addresses and the event's name, every byte as %XX */
    URL_MAX = 1024,
    SESSION_MORE_S =
        3600,             /* a session outlives the hold: Stripe's half hour, and one for retries */
    SESSION_MIN_S = 1800, /* Stripe's bounds of a session's life */
    SESSION_MAX_S = 24 * 3600 - 600, /* less a margin for our clock */
};

#define API_VERSION "Stripe-Version: 2026-10-28.endive"

/* ---- reading ---- */

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
    json_in_copy_of(intent, "id", out->id, sizeof(out->id));
    json_in_copy_of(intent, "client_secret", out->secret, sizeof(out->secret));
    out->amount = json_in_count_of(intent, "amount");
    json_in_copy_of(intent, "currency", out->currency, sizeof(out->currency));
    for (char *c = out->currency; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    out->captured = json_in_count_of(intent, "amount_received");
    const json_t *charge = json_object_get(intent, "latest_charge");
    out->refunded = json_in_count_of(charge, "amount_refunded");
    return out->id[0] != '\0';
}

/* Put into one of our pages; a truncated URL would lead nowhere. */
static bool read_url(const json_t *session, char to[ORDER_URL_MAX])
{
    json_in_copy_of(session, "url", to, ORDER_URL_MAX);
    for (const char *c = to; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
            return false;
    }
    return strncmp(to, "https://", 8) == 0 || strncmp(to, "http://", 7) == 0;
}

/* The session itself, while it has no intent, or only a failed one. */
static bool read_bare_session(const json_t *session, enum payment_state state, struct payment *out)
{
    *out = (struct payment){.state = state, .amount = json_in_count_of(session, "amount_total")};
    json_in_copy_of(session, "id", out->id, sizeof(out->id));
    json_in_copy_of(session, "currency", out->currency, sizeof(out->currency));
    for (char *c = out->currency; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    /* Only an open session has a URL. */
    return out->id[0] != '\0' && (state != PAYMENT_OPEN || read_url(session, out->url));
}

/* A session with its intent inside. Authorised money counts, whatever the session says. */
static bool read_session(const json_t *session, struct payment *out)
{
    const char *status = json_string_value(json_object_get(session, "status"));
    const json_t *intent = json_object_get(session, "payment_intent");
    bool there = json_is_object(intent);
    if (status == NULL || (there && !read_intent(intent, out)))
        return false;
    out->secret[0] = '\0'; /* Stripe's page needs none */
    if (there && (out->state == PAYMENT_AUTHORISED || out->state == PAYMENT_CAPTURED))
        return true;
    if (strcmp(status, "open") == 0)
        return read_bare_session(session, PAYMENT_OPEN, out);
    const char *doing = json_string_value(json_object_get(intent, "status"));
    if (strcmp(status, "expired") == 0 && (doing == NULL || strcmp(doing, "processing") != 0))
        return (there || json_is_null(intent)) && read_bare_session(session, PAYMENT_CANCELED, out);
    return there; /* complete, or still with the card's bank */
}

static bool is_session(const char *payment)
{
    return strncmp(payment, "cs_", 3) == 0;
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

/* Stripe uses lower case, and compares requests under one key to the letter. */
static void field_currency(struct text *form, const char *name, const char *currency)
{
    char small[4] = "";
    for (int i = 0; i < 3; i++)
        small[i] = (char)tolower((unsigned char)currency[i]);
    field(form, name, span_of(small));
}

/* Our own page for an intent; a session has a URL of its own, or has ended. */
static void put_url(const struct psp *psp, struct peer_call *call)
{
    if (call->payment.secret[0] == '\0' || psp->conf.checkout_url[0] == '\0')
        return;
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

/* The intent's current state, and what that means for the operation. */
static void judge_intent(struct peer_call *peer)
{
    enum payment_state state = peer->payment.state;
    switch (peer->op) {
    case PEER_PSP_CREATE:
    case PEER_PSP_READ:
        psp_answer(peer, SAGA_DONE, NULL, NULL);
        return;
    case PEER_PSP_CAPTURE:
        if (state == PAYMENT_CAPTURED)
            psp_answer(peer, SAGA_DONE, NULL, NULL);
        else if (state == PAYMENT_AUTHORISED)
            psp_answer(peer, SAGA_UNKNOWN, "not-captured-yet", NULL);
        else
            psp_answer(peer, SAGA_FAILED, PEER_CODE_NOT_AUTHORISED, NULL);
        return;
    default:
        assert(peer->op == PEER_PSP_CANCEL);
        /* A captured payment cannot be canceled; the next try sees that and refunds. */
        psp_answer(peer, state == PAYMENT_CANCELED ? SAGA_DONE : SAGA_UNKNOWN,
                   state == PAYMENT_CANCELED ? NULL : "not-canceled-yet", NULL);
    }
}

static void judge_good(struct stripe_call *call, const json_t *body)
{
    struct peer_call *peer = call->peer;
    if (peer->op == PEER_PSP_REFUND && is_session(peer->order->payment)) {
        psp_answer(peer, SAGA_UNKNOWN, "not-captured-yet", NULL); /* start() only read it */
        return;
    }
    if (peer->op == PEER_PSP_REFUND) {
        const char *status = json_string_value(json_object_get(body, "status"));
        bool failed =
            status != NULL && (strcmp(status, "failed") == 0 || strcmp(status, "canceled") == 0);
        /* "pending" means that the bank needs time: the money is on its way. If it fails later,
         * reconciliation finds it in the list of events. */
        bool good =
            status != NULL && (strcmp(status, "succeeded") == 0 || strcmp(status, "pending") == 0);
        psp_answer(peer,
                   good     ? SAGA_DONE
                   : failed ? SAGA_FAILED
                            : SAGA_UNKNOWN,
                   good     ? NULL
                   : failed ? "refund-failed"
                            : "unreadable",
                   status);
        peer->key_burnt = failed; /* the key keeps this answer, and no money went back */
        return;
    }
    struct payment *out = &peer->payment;
    const char *kind = json_string_value(json_object_get(body, "object"));
    bool session = kind != NULL && strcmp(kind, "checkout.session") == 0;
    if (!(session ? read_session(body, out) : read_intent(body, out))) {
        psp_answer(peer, SAGA_UNKNOWN, "unreadable", "no payment in a good answer");
        return;
    }
    put_url(call->psp, peer);
    judge_intent(peer);
}

/* Codes that refuse this order. Any other failure may be our fault or Stripe's, and the next try
 * reads again. */
static bool is_no(enum peer_op op, unsigned status, const char *code)
{
    static const struct {
        enum peer_op op;
        const char *code;
    } noes[] = {
        {PEER_PSP_CREATE, "amount_too_small"},
        {PEER_PSP_CREATE, "amount_too_large"},
        {PEER_PSP_CREATE, "invalid_charge_amount"},
        {PEER_PSP_CAPTURE, "charge_expired_for_capture"},
        {PEER_PSP_REFUND, "charge_not_refundable"},
    };
    if (status == 402)
        return true; /* the card */
    for (size_t i = 0; code != NULL && i < sizeof(noes) / sizeof(noes[0]); i++) {
        if (noes[i].op == op && strcmp(noes[i].code, code) == 0)
            return true;
    }
    return false;
}

/* The money is back with the buyer already, or with their bank. If the bank decides against the
 * buyer, reconciliation finds money without an order. */
static bool is_back(const char *code)
{
    return code != NULL &&
           (strcmp(code, "charge_already_refunded") == 0 || strcmp(code, "charge_disputed") == 0 ||
            strcmp(code, "refund_disputed_payment") == 0);
}

static uint64_t session_until_s(const struct order *order)
{
    return order->expires_ms / 1000 + SESSION_MORE_S;
}

/* The order has long ended, and a session's minimum lifetime is too long for it. If an earlier try
 * created a session, its URL was never shown to anybody. */
static bool is_too_late(const struct stripe_call *call, const json_t *error)
{
    const char *param = json_string_value(json_object_get(error, "param"));
    uint64_t now_s = clock_wall_us(call->psp->conf.clock) / 1000000;
    return call->peer->op == PEER_PSP_CREATE && param != NULL && strcmp(param, "expires_at") == 0 &&
           session_until_s(call->peer->order) < now_s + SESSION_MIN_S;
}

static void judge_error(struct stripe_call *call, const struct outcall_answer *answer,
                        const json_t *body)
{
    struct peer_call *peer = call->peer;
    const json_t *error = json_object_get(body, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *type = json_string_value(json_object_get(error, "type"));
    const char *message = json_string_value(json_object_get(error, "message"));
    bool missing = answer->status == 404 || (code != NULL && strcmp(code, "resource_missing") == 0);
    if (answer->status == 401 || answer->status == 403 || missing) {
        psp_answer_stranger(call->psp, peer, message);
    } else if (type == NULL) {
        psp_answer_unknown(peer, answer);
    } else if (strcmp(type, "idempotency_error") == 0) {
        psp_answer(peer, SAGA_UNKNOWN, "idempotency-error", message);
        peer->key_burnt = true;
    } else if (peer->op == PEER_PSP_REFUND && is_back(code)) {
        psp_answer(peer, SAGA_DONE, code, NULL);
    } else if (peer->op != PEER_PSP_REFUND &&
               read_intent(json_object_get(error, "payment_intent"), &peer->payment)) {
        put_url(call->psp, peer);
        judge_intent(peer);
    } else if (answer->replayed) {
        /* A refusal stored under the key describes the past: the cause may have been fixed since.
         * Try once more, under another key. */
        psp_answer(peer, SAGA_UNKNOWN, "kept-refusal", message);
        peer->key_burnt = true;
    } else if (is_too_late(call, error)) {
        psp_answer(peer, SAGA_FAILED, "too-late", message);
    } else if (is_no(peer->op, answer->status, code)) {
        psp_answer(peer, SAGA_FAILED, code != NULL ? code : type, message);
    } else if (peer->op == PEER_PSP_CREATE) { /* none of this is the buyer's fault */
        psp_answer_stranger(call->psp, peer, message);
    } else {
        psp_answer(peer, SAGA_UNKNOWN, code != NULL ? code : type, message);
        peer->key_burnt = true; /* the key keeps a refusal caused by the state */
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
    json_t *body;
    psp_note_key(call->psp, answer);
    if (psp_read_body(peer, answer, &body)) {
        if (answer->rc < 0 || (answer->status >= 300 && !is_explicit(answer->status))) {
            psp_answer_unknown(call->peer, answer);
        } else if (answer->status < 300) {
            judge_good(call, body);
        } else {
            judge_error(call, answer, body);
        }
    }
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
        BUG_STOP("no memory for a call");
    *call = (struct stripe_call){psp, peer};
    assert(form == NULL || !form->overflown);
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
        .headers = {auth, trace, API_VERSION},
    };
    if (form != NULL) {
        out.headers[3] = "Content-Type: application/x-www-form-urlencoded";
        out.headers[4] = key;
        out.body = (struct span){form->len > 0 ? form->ptr : "", form->len};
    }
    psp_send(psp, &out);
}

/* Stripe's languages for its page. Ours may differ: an operator can add one with a file. */
static struct span locale_of(const struct order *order)
{
    static const char *const locales[] = {
        "bg", "cs",  "da", "de",    "el", "en", "en-GB", "es", "es-419", "et",
        "fi", "fil", "fr", "fr-CA", "hr", "hu", "id",    "it", "ja",     "ko",
        "lt", "lv",  "ms", "mt",    "nb", "nl", "pl",    "pt", "pt-BR",  "ro",
        "ru", "sk",  "sl", "sv",    "th", "tr", "vi",    "zh", "zh-HK",  "zh-TW",
    };
    for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++) {
        if (strcmp(order->lang, locales[i]) == 0)
            return span_of(locales[i]);
    }
    return SPAN("auto"); /* the browser's preference */
}

static void create_session(struct psp *psp, struct peer_call *peer)
{
    const struct order *order = peer->order;
    char memory[FORM_MAX], back[CONFIG_STRING_MAX + 128];
    struct text form = text_on(memory, sizeof(memory));
    snprintf(back, sizeof(back), "%s%s", psp->conf.return_url, order->id);
    field(&form, "mode", SPAN("payment"));
    field(&form, "payment_method_types[0]", SPAN("card"));
    field(&form, "line_items[0][quantity]", SPAN("1"));
    field_currency(&form, "line_items[0][price_data][currency]", order->currency);
    field_u64(&form, "line_items[0][price_data][unit_amount]", order->amount);
    field(&form, "line_items[0][price_data][product_data][name]",
          span_of(order->event_name[0] != '\0' ? order->event_name : order->event));
    field(&form, "locale", locale_of(order));
    uint64_t until_s = session_until_s(order);
    if (until_s < clock_wall_us(psp->conf.clock) / 1000000 + SESSION_MAX_S)
        field_u64(&form, "expires_at", until_s); /* the default is the maximum, a day */
    field(&form, "success_url", span_of(back));
    field(&form, "cancel_url", span_of(back));
    field(&form, "client_reference_id", span_of(order->id));
    field(&form, "metadata[order]", span_of(order->id));
    field(&form, "metadata[event]", span_of(order->event));
    field(&form, "payment_intent_data[capture_method]", SPAN("manual"));
    field(&form, "payment_intent_data[metadata][order]", span_of(order->id));
    field(&form, "payment_intent_data[metadata][event]", span_of(order->event));
    dispatch(psp, peer, "/v1/checkout/sessions", "session", &form);
}

/* What answers expand: an intent's charge, which knows about refunds. */
#define SESSION_WHOLE "payment_intent.latest_charge"

/* While the payment is still a session it can be read and expired. Any other operation only reads
 * it, and is done once the intent's id is stored. */
static void start_session(struct psp *psp, struct peer_call *peer)
{
    char memory[FORM_MAX], path[URL_MAX];
    struct text form = text_on(memory, sizeof(memory));
    const char *id = peer->order->payment;
    if (peer->op == PEER_PSP_CANCEL) {
        field(&form, "expand[0]", SPAN(SESSION_WHOLE));
        snprintf(path, sizeof(path), "/v1/checkout/sessions/%s/expire", id);
        dispatch(psp, peer, path, "expire", &form);
        return;
    }
    snprintf(path, sizeof(path), "/v1/checkout/sessions/%s?expand[0]=" SESSION_WHOLE, id);
    dispatch(psp, peer, path, "read", NULL);
}

static void create_intent(struct psp *psp, struct peer_call *peer)
{
    const struct order *order = peer->order;
    char memory[FORM_MAX];
    struct text form = text_on(memory, sizeof(memory));
    field_u64(&form, "amount", order->amount);
    field_currency(&form, "currency", order->currency);
    field(&form, "capture_method", SPAN("manual"));
    field(&form, "payment_method_types[0]", SPAN("card"));
    field(&form, "metadata[order]", span_of(order->id));
    field(&form, "metadata[event]", span_of(order->event));
    dispatch(psp, peer, "/v1/payment_intents", "create", &form);
}

static void start_intent(struct psp *psp, struct peer_call *peer)
{
    const struct order *order = peer->order;
    char memory[FORM_MAX], path[URL_MAX];
    struct text form = text_on(memory, sizeof(memory));
    switch (peer->op) {
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
        uint64_t part = order_refund(order, order->amount);
        if (part < order->amount) /* otherwise everything left */
            field_u64(&form, "amount", part - peer->given_back);
        field(&form, "reason", SPAN("requested_by_customer"));
        field(&form, "metadata[order]", span_of(order->id));
        dispatch(psp, peer, "/v1/refunds", "refund", &form);
    }
}

static void start(struct psp *psp, struct peer_call *peer)
{
    if (peer->op == PEER_PSP_CREATE)
        (psp->conf.checkout_url[0] == '\0' ? create_session : create_intent)(psp, peer);
    else
        (is_session(peer->order->payment) ? start_session : start_intent)(psp, peer);
}

/* ---- webhooks ---- */

/* The body is hashed once, however many signatures come with it. */
static bool is_signed(struct span secret, struct span stamp, struct span body,
                      struct span signature)
{
    uint8_t mac[32];
    char hex[2 * sizeof(mac) + 1]; /* in the provider's spelling only */
    crypto_auth_hmacsha256_state hmac;
    crypto_auth_hmacsha256_init(&hmac, (const uint8_t *)secret.ptr, secret.len);
    crypto_auth_hmacsha256_update(&hmac, (const uint8_t *)stamp.ptr, stamp.len);
    crypto_auth_hmacsha256_update(&hmac, (const uint8_t *)".", 1);
    crypto_auth_hmacsha256_update(&hmac, (const uint8_t *)body.ptr, body.len);
    crypto_auth_hmacsha256_final(&hmac, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    bool found = false;
    struct span item;
    for (struct span rest = signature; rest.ptr != NULL;) {
        rest = span_cut(rest, ',', &item);
        if (span_starts(item, SPAN("v1=")) && item.len == 2 + sizeof(hex))
            found |= sodium_memcmp(item.ptr + 3, hex, sizeof(hex) - 1) == 0;
    }
    return found;
}

static bool is_signed_by_any(struct span secrets, struct span stamp, struct span body,
                             struct span signature)
{
    bool found = false;
    struct span secret;
    for (struct span left = secrets; left.ptr != NULL;) {
        left = span_cut(left, ' ', &secret);
        found |= secret.len > 0 && is_signed(secret, stamp, body, signature);
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
    /* The signature first: a forger must not learn our clock's time. */
    if (!is_signed_by_any(secrets, stamp, body, signature))
        return err_set(err, ERR_AUTH, "webhook signature does not match");
    uint64_t apart_s = at_s > now_s ? at_s - now_s : now_s - at_s;
    if (apart_s > tolerance_s)
        return err_set(err, ERR_TIMEOUT, "webhook signed %llu s %s", (unsigned long long)apart_s,
                       at_s > now_s ? "ahead of our clock" : "ago");
    return 0;
}

enum { TOLERANCE_S = 300 };

static bool read_event(const json_t *event, struct psp_event *out)
{
    const json_t *object = json_object_get(json_object_get(event, "data"), "object");
    json_in_copy_of(event, "id", out->id, sizeof(out->id));
    json_in_copy_of(event, "type", out->kind, sizeof(out->kind));
    json_in_copy_of(json_object_get(object, "metadata"), "order", out->order, sizeof(out->order));
    /* The payment that an event concerns: the intent itself, or the intent that a charge, a refund
     * or a session names; for a session without an intent, the session. */
    const char *kind = json_string_value(json_object_get(object, "object"));
    bool intent = kind != NULL && strcmp(kind, "payment_intent") == 0;
    bool session = kind != NULL && strcmp(kind, "checkout.session") == 0;
    json_in_copy_of(object, intent ? "id" : "payment_intent", out->payment, sizeof(out->payment));
    if (session && out->payment[0] == '\0')
        json_in_copy_of(object, "id", out->payment, sizeof(out->payment));
    return out->id[0] != '\0' && out->kind[0] != '\0';
}

static int webhook(const struct psp *psp, struct span signature, struct span body, uint64_t now_s,
                   struct err_slot *err, struct psp_event *out)
{
    int rc = psp_stripe_verify(span_of(psp->conf.webhook_secrets), signature, body, now_s,
                               TOLERANCE_S, err);
    if (rc < 0)
        return rc;
    json_t *event;
    rc = json_in_read(body, &event);
    if (rc < 0)
        return err_set(err, rc, "webhook of %zu bytes", body.len);
    bool good = read_event(event, out);
    json_decref(event);
    return good ? 0 : err_set(err, ERR_SYNTAX, "webhook body is not an event");
}

/* ---- the list of events ---- */

static bool is_one_of(const char *word, const char *const *words)
{
    while (word != NULL && *words != NULL && strcmp(*words, word) != 0)
        words++;
    return word != NULL && *words != NULL;
}

/* What an event's object says about its payment: an intent its state, a charge the refunded sum, a
 * refund and a dispute their outcome. */
static void read_object(const json_t *object, struct psp_event_row *row)
{
    const char *kind = json_string_value(json_object_get(object, "object"));
    struct payment payment = {0};
    if (kind == NULL)
        return;
    if (strcmp(kind, "payment_intent") == 0 && read_intent(object, &payment)) {
        row->amount = payment.amount;
        row->captured = payment.captured;
        row->state = payment.state;
    } else if (strcmp(kind, "charge") == 0) {
        row->refunded = json_in_count_of(object, "amount_refunded");
    } else if (strcmp(kind, "refund") == 0 || strcmp(kind, "dispute") == 0) {
        bool dispute = kind[0] == 'd';
        struct psp_return *out = &row->ret;
        static const char *const good[] = {"succeeded", "won", "warning_closed", "prevented", NULL};
        static const char *const bad[] = {"failed", "canceled", "lost", NULL};
        const char *status = json_string_value(json_object_get(object, "status"));
        json_in_copy_of(object, "id", out->id, sizeof(out->id));
        out->dispute = dispute;
        out->amount = json_in_count_of(object, "amount");
        out->state = is_one_of(status, good)  ? PAYMENT_RETURN_DONE
                     : is_one_of(status, bad) ? PAYMENT_RETURN_FAILED
                                              : PAYMENT_RETURN_OPEN;
    }
}

static void read_events(const json_t *list, struct psp_events *events)
{
    const json_t *data = json_object_get(list, "data");
    size_t len = json_array_size(data);
    events->more = json_is_true(json_object_get(list, "has_more"));
    for (size_t i = len; i > 0 && events->len < PSP_EVENTS_MAX; i--) { /* Stripe: newest first */
        const json_t *event = json_array_get(data, i - 1);
        struct psp_event_row *row = &events->rows[events->len];
        if (!read_event(event, &row->event))
            continue;
        /* A session moves no money. Its intent has its own events, and a session that was never
         * submitted is not a payment. */
        if (strncmp(row->event.kind, "checkout.session.", 17) == 0)
            row->event.payment[0] = '\0';
        read_object(json_object_get(json_object_get(event, "data"), "object"), row);
        events->len++;
    }
}

static void events(struct psp *psp, const char *id, bool older, uint32_t limit,
                   void (*on_done)(void *ctx, const struct psp_events *events), void *ctx)
{
    char url[URL_MAX], auth[320];
    const char *side = id[0] == '\0' ? "" : older ? "&starting_after=" : "&ending_before=";
    snprintf(url, sizeof(url), "%s/v1/events?limit=%u%s%s", psp->conf.api_url, limit, side, id);
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", psp->conf.key);
    psp_list_get(psp, url, auth, limit, read_events, on_done, ctx);
}

static bool is_lost(const json_t *answer)
{
    const char *code = json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
    return code != NULL && strcmp(code, "resource_missing") == 0;
}

/* ---- the configuration ---- */

/* The address decides what `auto` means: only intents have one. */
static const char *const flow_words[] = {"auto", "sessions", "intents", NULL};
enum { FLOW_AUTO, FLOW_SESSIONS, FLOW_INTENTS };

#define AT(MEMBER)   offsetof(struct psp_settings, MEMBER)
#define URL_OR_EMPTY 0, CONFIG_STRING_MAX - 1, NULL

static const struct config_setting settings[] = {
    {"psp", "stripe_url", CONFIG_STRING, AT(url), "", URL_OR_EMPTY,
     "the API, without a slash at the end; empty: not used"},
    {"psp", "stripe_key", CONFIG_STRING, AT(key), "", URL_OR_EMPTY, "file: the secret key"},
    {"psp", "stripe_webhook_secret", CONFIG_STRING, AT(webhook_secret), "", URL_OR_EMPTY,
     "file: what webhooks are signed with; two, separated by a space, during a rotation"},
    {"psp", "stripe_flow", CONFIG_WORD, AT(flow), "auto", 0, 0, flow_words,
     "sessions: the buyer pays on Stripe's own page (Checkout Sessions); intents: on one of yours, "
     "which stripe_checkout_url names; auto: intents where that is set, otherwise sessions"},
    {"psp", "stripe_checkout_url", CONFIG_STRING, AT(checkout_url), "", URL_OR_EMPTY,
     "for intents: your page on which the buyer pays; the payment's client secret is appended"},
    {.section = NULL},
};

static int check(const struct psp_settings *set, struct err_slot *err)
{
    if (set->key[0] == '\0' || set->webhook_secret[0] == '\0')
        return err_set(err, ERR_RANGE, "psp.stripe_url needs stripe_key and stripe_webhook_secret");
    if (set->flow == FLOW_INTENTS && set->checkout_url[0] == '\0')
        return err_set(err, ERR_RANGE, "psp.stripe_flow = intents needs stripe_checkout_url");
    if (set->flow == FLOW_SESSIONS && set->checkout_url[0] != '\0')
        return err_set(err, ERR_RANGE,
                       "psp.stripe_checkout_url is for stripe_flow = intents; sessions have "
                       "Stripe's page");
    return 0;
}

/* Stripe counts these in units of its own: ISK and UGX in hundredths, MGA in whole ariary. Of those
 * with three decimals it accepts multiples of ten only. */
static bool takes(const char *currency)
{
    return strstr("ISK UGX MGA BHD IQD JOD KWD LYD OMR TND", currency) == NULL;
}

static const char *const test_keys[] = {"sk_test_", "rk_test_", NULL};

const struct psp_driver psp_stripe = {
    .name = "stripe",
    .label = "provider=\"stripe\"",
    .version = API_VERSION,
    .signature = "Stripe-Signature",
    .refund_calls = 2,
    .test_keys = test_keys,
    .takes = takes,
    .settings = settings,
    .check = check,
    .start = start,
    .webhook = webhook,
    .events = events,
    .is_lost = is_lost,
};
