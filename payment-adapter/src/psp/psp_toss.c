/* psp_toss.c: Toss Payments, whose flow is different: the buyer pays in Toss's window under our
 * order id, and the money moves when we confirm. So confirm is our capture; before it there is
 * nothing to cancel (an unconfirmed payment expires by itself after ten minutes).
 *
 * How a payment is found: Toss promises to find it by our order id only after the confirm. The
 * buyer's consent shows in the return address, which carries the payment's own key (a hint, since
 * anybody can type an address). So the order id is looked up first, the key second; a key that
 * leads to another order is ignored. A payment that only the key names and that cannot be read is
 * HINTED, which says nothing about the buyer: only the confirm, which names order and amount, can
 * tell. To let a payment go that we asked to confirm and got no answer about, it is confirmed once
 * more and then canceled, even if it reads as not confirmed: the first confirm may still be on its
 * way.
 *
 * The state that was found decides what to do, by one table (act), and the result of an act is
 * decided by the same table: a 200 alone means nothing. Confirming a virtual account returns 200
 * too, but has only opened an account that waits for money. Seats are held for minutes, an account
 * stays open for days, and paying a transfer back takes the buyer's bank account, which we do not
 * store. So the account is closed again and the order gets the reason. If the deposit beats the
 * closing, the money is there and the order goes through.
 *
 * Every act is safe to repeat (a payment is confirmed once and canceled once, whatever the key),
 * and Toss stores every failure under its idempotency key; so after an answer that decides nothing,
 * the next try has a new key.
 *
 * Toss's webhooks are not signed. They are hints: the order is read, and nothing in them is
 * trusted. */
#include "base/bug.h"
#include "base/json_in.h"
#include "base/text.h"
#include "psp/psp.h"
#include "psp/psp_toss_code.h"

#include <assert.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    URL_MAX = 1024,
    BODY_MAX = 1024,
    AUTH_MAX = 640,
    KEY_MAX = 300,        /* Toss's limit for an idempotency key */
    NAME_CHARS_MAX = 100, /* Toss's limit for what its window shows */
};
enum { SESSION_MS = 600000 }; /* Toss's limit from the buyer's consent to the confirm */

enum toss_status {
    TOSS_NOTHING, /* nobody has begun to pay for this order */
    TOSS_HINTED,  /* a key claims that the buyer agreed; Toss has not shown it yet */
    TOSS_READY,
    TOSS_IN_PROGRESS,
    TOSS_WAITING_FOR_DEPOSIT,
    TOSS_DONE,
    TOSS_CANCELED,
    TOSS_PARTIAL_CANCELED,
    TOSS_ABORTED,
    TOSS_EXPIRED,
    TOSS_STATUS_COUNT,
};

static const char *const status_names[TOSS_STATUS_COUNT] = {
    [TOSS_READY] = "READY",
    [TOSS_IN_PROGRESS] = "IN_PROGRESS",
    [TOSS_WAITING_FOR_DEPOSIT] = "WAITING_FOR_DEPOSIT",
    [TOSS_DONE] = "DONE",
    [TOSS_CANCELED] = "CANCELED",
    [TOSS_PARTIAL_CANCELED] = "PARTIAL_CANCELED",
    [TOSS_ABORTED] = "ABORTED",
    [TOSS_EXPIRED] = "EXPIRED",
};

static const char virtual_account[] = "virtual-account";

struct toss_call {
    struct psp *psp;
    struct peer_call *peer;
    enum toss_status status;
    char payment_key[ORDER_PAYMENT_MAX];
    bool shown;    /* Toss has shown us this payment, so our key belongs to the right account */
    bool transfer; /* to a virtual account */
    unsigned acts;
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
    char url[URL_MAX], auth[AUTH_MAX], key[32 + KEY_MAX], trace[96];
    put_auth(conf, auth);
    snprintf(url, sizeof(url), "%s%s", conf->api_url, path);
    /* Toss compares key, URL and method, but not the body: without the payment in the key, the
     * refusal of one card would be repeated for every other card. */
    static_assert(ORDER_ID_MAX + ORDER_PAYMENT_MAX + 40 <= KEY_MAX, "the longest key fits");
    snprintf(key, sizeof(key), "Idempotency-Key: fairgate-%s-%s-%s-%u", call->peer->order->id, act,
             call->payment_key, call->peer->order->key_round);
    snprintf(trace, sizeof(trace), "traceparent: %s",
             call->peer->trace != NULL ? call->peer->trace : "");
    struct outcall out = {
        .url = url,
        .timeout_ms =
            call->peer->timeout_ms < conf->timeout_ms ? call->peer->timeout_ms : conf->timeout_ms,
        .on_done = on_done,
        .ctx = call,
        .headers = {auth, trace},
    };
    if (body != NULL) {
        out.headers[2] = "Content-Type: application/json";
        out.headers[3] = key;
        out.body = span_of(body);
    }
    psp_send(call->psp, &out);
}

/* ---- reading ---- */

/* A confirm of this payment was requested and not answered, so it may have happened or may yet. */
static bool is_in_doubt(const struct toss_call *call)
{
    const struct order *order = call->peer->order;
    return (call->status == TOSS_HINTED || call->status == TOSS_IN_PROGRESS) &&
           order_is_checked(order, ORDER_CHECK_ASKED) &&
           strcmp(call->payment_key, order_payment_key(order)) == 0;
}

static bool is_ours(const json_t *body, const struct order *order)
{
    const char *id = json_string_value(json_object_get(body, "orderId"));
    return id != NULL && strcmp(id, order->id) == 0;
}

static enum payment_state state_of(const struct toss_call *call, bool approved)
{
    switch (call->status) {
    case TOSS_HINTED:
        return PAYMENT_HINTED;
    case TOSS_IN_PROGRESS:
    case TOSS_WAITING_FOR_DEPOSIT: /* no money yet, but the account has to be closed */
        return PAYMENT_AUTHORISED;
    case TOSS_DONE:
    case TOSS_PARTIAL_CANCELED:
        return PAYMENT_CAPTURED;
    case TOSS_CANCELED: /* an account closed before a deposit, or money refunded */
        return approved ? PAYMENT_CAPTURED : PAYMENT_CANCELED;
    case TOSS_NOTHING:
    case TOSS_READY:
    case TOSS_ABORTED:
    case TOSS_EXPIRED: /* the buyer may try again until the hold ends */
        return PAYMENT_OPEN;
    case TOSS_STATUS_COUNT:
        break;
    }
    assert(false && "a payment's status out of its range");
    return PAYMENT_OPEN;
}

/* False: not a payment, or its state is newer than this program. */
static bool read_payment(struct toss_call *call, const json_t *body)
{
    struct payment *payment = &call->peer->payment;
    const char *status = json_string_value(json_object_get(body, "status"));
    enum toss_status found = TOSS_READY;
    while (status != NULL && found < TOSS_STATUS_COUNT && strcmp(status_names[found], status) != 0)
        found++;
    char key[ORDER_PAYMENT_MAX];
    json_in_copy_of(body, "paymentKey", key, sizeof(key));
    if (status == NULL || found == TOSS_STATUS_COUNT || key[0] == '\0')
        return false;
    const char *method = json_string_value(json_object_get(body, "method"));
    uint64_t total = json_in_count_of(body, "totalAmount");
    uint64_t balance = json_in_count_of(body, "balanceAmount");
    memcpy(call->payment_key, key, sizeof(key));
    call->status = found;
    call->shown = true;
    call->transfer = found == TOSS_WAITING_FOR_DEPOSIT ||
                     json_is_object(json_object_get(body, "virtualAccount")) ||
                     (method != NULL && strcmp(method, "가상계좌") == 0);
    payment->state = state_of(call, json_is_string(json_object_get(body, "approvedAt")));
    payment->amount = total;
    payment->captured = payment->refunded = 0;
    json_in_copy_of(body, "currency", payment->currency, sizeof(payment->currency));
    if (payment->state == PAYMENT_CAPTURED) {
        payment->captured = total;
        payment->refunded = total - (balance < total ? balance : total);
    }
    payment->unwanted =
        payment->state == PAYMENT_AUTHORISED && call->transfer ? virtual_account : NULL;
    return true;
}

/* ---- acting on the payment that was read ---- */

static void act(struct toss_call *call);

/* Toss would repeat this answer under this key for good, and the act can be repeated. */
static void answer_again(struct toss_call *call, const char *code, const char *detail)
{
    psp_answer(call->peer, SAGA_UNKNOWN, code, detail);
    call->peer->key_burnt = true;
}

/* Toss refused an act. */
static void judge_refusal(struct toss_call *call, const struct outcall_answer *answer,
                          const char *code)
{
    struct peer_call *peer = call->peer;
    uint64_t now_ms = clock_wall_us(call->psp->conf.clock) / 1000;
    bool confirming = peer->op == PEER_PSP_CAPTURE && call->status != TOSS_WAITING_FOR_DEPOSIT;
    enum toss_word word = psp_toss_word(answer->status, code);
    /* Any 400 counts here, since the key may be made up. */
    if (call->status == TOSS_HINTED && is_in_doubt(call) &&
        (word == TOSS_SAYS_GONE || word == TOSS_SAYS_NOBODY ||
         (word == TOSS_SAYS_NOTHING && answer->status == 400))) {
        psp_answer(peer, SAGA_DONE, NULL, code); /* no money moves: still a hint */
        peer->key_burnt = true;
        return;
    }
    switch (word) {
    case TOSS_SAYS_NO:
        if (confirming) {
            psp_answer(peer, SAGA_FAILED, PEER_CODE_NOT_AUTHORISED, code);
        } else if (peer->op == PEER_PSP_REFUND) {
            psp_answer(peer, SAGA_FAILED, "refund-refused", code);
            peer->key_burnt = true; /* an operator retries it once the cause is fixed */
        } else if (is_in_doubt(call)) {
            psp_answer(peer, SAGA_DONE, NULL, code);
        } else {
            answer_again(call, "not-closed", code);
        }
        return;
    case TOSS_SAYS_GONE:
    case TOSS_SAYS_NOBODY:
        /* Another account's key never finds anything. So this is about the buyer only if Toss has
         * shown us the payment, or if any consent must have expired. */
        if (confirming && ((word == TOSS_SAYS_GONE && call->shown) ||
                           now_ms > peer->order->expires_ms + SESSION_MS))
            psp_answer(peer, SAGA_FAILED, PEER_CODE_NOT_AUTHORISED, code);
        else if (word == TOSS_SAYS_GONE && is_in_doubt(call))
            psp_answer(peer, SAGA_DONE, NULL, code); /* nothing can confirm it any more */
        else
            answer_again(call, "payment-not-found", code);
        return;
    case TOSS_SAYS_STRANGER:
        psp_answer_stranger(call->psp, peer, code);
        peer->key_burnt = true;
        return;
    case TOSS_SAYS_BEFORE: /* the next try reads what happened */
        answer_again(call, "already", code);
        return;
    case TOSS_SAYS_LATER:
    case TOSS_SAYS_NOTHING:
        psp_answer_unknown(peer, answer);
        span_to_cstr_cut(span_of(code), peer->detail, sizeof(peer->detail));
        peer->key_burnt = true;
        return;
    case TOSS_WORD_COUNT:
        break;
    }
    assert(false && "a word of Toss out of its range");
}

static void on_acted(void *ctx, const struct outcall_answer *answer)
{
    struct toss_call *call = ctx;
    struct peer_call *peer = call->peer;
    json_t *body;
    psp_note_key(call->psp, answer);
    bool read = psp_read_body(peer, answer, &body);
    bool said = answer->rc == 0 && body != NULL;
    if (said && answer->status >= 300) {
        judge_refusal(call, answer, json_string_value(json_object_get(body, "code")));
    } else if (said && is_ours(body, peer->order) && read_payment(call, body)) {
        json_decref(body);
        act(call);
        return;
    } else if (said) {
        psp_answer(peer, SAGA_UNKNOWN, "unreadable", "no payment of this order in a good answer");
    } else if (read) {
        psp_answer_unknown(peer, answer);
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

/* The rest to be refunded, if less than what is left of the payment; otherwise all that is left. A
 * partial cancel could happen twice, unlike a full one, and each try has its own key. So Toss gets
 * the remainder as we read it, and refuses if it is less by now (NOT_MATCHES_REFUNDABLE_AMOUNT;
 * then it is read again). */
static void put_amounts(struct text *body, const struct peer_call *peer)
{
    const struct payment *payment = &peer->payment;
    uint64_t whole = order_refund(peer->order, payment->captured);
    if (whole == payment->captured)
        return;
    assert(payment->refunded < whole);
    json_member_u64(body, "cancelAmount", whole - payment->refunded);
    json_member_u64(body, "refundableAmount", payment->captured - payment->refunded);
}

static void cancel(struct toss_call *call, const char *why)
{
    char path[URL_MAX], memory[128];
    struct text body = text_on(memory, sizeof(memory) - 1);
    json_open(&body, '{');
    json_member_cstr(&body, "cancelReason", why);
    if (call->peer->op == PEER_PSP_REFUND)
        put_amounts(&body, call->peer);
    json_close(&body, '}');
    memory[body.len] = '\0';
    snprintf(path, sizeof(path), "/v1/payments/%s/cancel", call->payment_key);
    dispatch(call, path, why, memory, on_acted);
}

/* Confirming may open an account, which is then closed: at most two acts per try. */
static bool may_act(struct toss_call *call)
{
    if (call->acts == 2) {
        psp_answer(call->peer, SAGA_UNKNOWN, "not-yet", status_names[call->status]);
        return false;
    }
    call->acts++;
    return true;
}

/* Each returns true if an act is in progress, false if the verdict has been reported. */

static bool act_to_capture(struct toss_call *call)
{
    struct peer_call *peer = call->peer;
    switch (call->status) {
    case TOSS_HINTED:
    case TOSS_IN_PROGRESS:
        if (call->transfer) {
            psp_answer(peer, SAGA_FAILED, virtual_account, NULL);
            return false;
        }
        if (call->acts > 0) {
            psp_answer(peer, SAGA_UNKNOWN, "not-captured-yet", NULL);
            return false;
        }
        if (!may_act(call))
            return false;
        confirm(call);
        return true;
    case TOSS_WAITING_FOR_DEPOSIT:
        if (!may_act(call))
            return false;
        cancel(call, "close");
        return true;
    case TOSS_DONE:
    case TOSS_PARTIAL_CANCELED: /* the step decides by how much is left */
        psp_answer(peer, SAGA_DONE, NULL, NULL);
        return false;
    case TOSS_CANCELED:
        if (peer->payment.state == PAYMENT_CAPTURED)
            psp_answer(peer, SAGA_DONE, NULL, NULL);
        else
            psp_answer(peer, SAGA_FAILED, call->transfer ? virtual_account : "payment-canceled",
                       NULL);
        return false;
    case TOSS_NOTHING:
        psp_answer(peer, SAGA_UNKNOWN, "payment-not-found", NULL);
        return false;
    default:
        psp_answer(peer, SAGA_FAILED, PEER_CODE_NOT_AUTHORISED, status_names[call->status]);
        return false;
    }
}

static bool act_to_cancel(struct toss_call *call)
{
    struct peer_call *peer = call->peer;
    if (call->status == TOSS_WAITING_FOR_DEPOSIT) {
        if (!may_act(call))
            return false;
        cancel(call, "close");
        return true;
    }
    if (is_in_doubt(call)) {
        if (call->acts > 0) {
            answer_again(call, "not-confirmed-yet", NULL);
            return false;
        }
        call->acts++;
        confirm(call);
        return true;
    }
    /* Unconfirmed money cannot move; confirmed money has to be refunded, as the next try will
     * find. */
    bool captured =
        peer->payment.state == PAYMENT_CAPTURED && peer->payment.refunded < peer->payment.captured;
    psp_answer(peer, captured ? SAGA_UNKNOWN : SAGA_DONE, captured ? "captured" : NULL, NULL);
    return false;
}

static bool act_to_refund(struct toss_call *call)
{
    struct peer_call *peer = call->peer;
    const struct payment *payment = &peer->payment;
    if (payment->state == PAYMENT_CAPTURED &&
        payment->refunded < order_refund(peer->order, payment->captured)) {
        if (call->acts > 0) {
            psp_answer(peer, SAGA_UNKNOWN, "not-refunded-yet", status_names[call->status]);
            return false;
        }
        if (!may_act(call))
            return false;
        cancel(call, "refund");
        return true;
    }
    if (payment->state == PAYMENT_CAPTURED)
        psp_answer(peer, SAGA_DONE, NULL, NULL);
    else if (!call->shown) /* a missing payment may still have taken the money */
        psp_answer(peer, SAGA_UNKNOWN, "payment-not-found", NULL);
    else
        psp_answer(peer, SAGA_FAILED, "not-captured", status_names[call->status]);
    return false;
}

static struct span name_of(const struct order *order)
{
    struct span name = span_of(order->event_name[0] != '\0' ? order->event_name : order->event);
    while (span_chars(name) > NAME_CHARS_MAX)
        name.len -= 1; /* stops between two characters: their first bytes count */
    return name;
}

static void act(struct toss_call *call)
{
    bool under_way = false;
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
    outcall_escape(&url, name_of(order));
    TEXT_LIT(&url, "&method=CARD&successUrl=");
    outcall_escape(&url, span_of(conf->return_url));
    outcall_escape(&url, span_of(order->id));
    TEXT_LIT(&url, "&failUrl=");
    outcall_escape(&url, span_of(conf->return_url));
    outcall_escape(&url, span_of(order->id));
    payment->url[url.overflown ? 0 : url.len] = '\0';
    switch (call->peer->op) {
    case PEER_PSP_CAPTURE:
        under_way = act_to_capture(call);
        break;
    case PEER_PSP_CANCEL:
        under_way = act_to_cancel(call);
        break;
    case PEER_PSP_REFUND:
        under_way = act_to_refund(call);
        break;
    default:
        assert(call->peer->op == PEER_PSP_CREATE || call->peer->op == PEER_PSP_READ);
        psp_answer(call->peer, SAGA_DONE, NULL, NULL);
    }
    if (!under_way)
        finish(call);
}

/* ---- finding ---- */

enum found { FOUND_IT, FOUND_NONE, FOUND_NOTHING_OUT };

/* What the answer to a read says. FOUND_NOTHING_OUT: the verdict has been reported. */
static enum found judge_read(struct toss_call *call, const struct outcall_answer *answer)
{
    struct peer_call *peer = call->peer;
    json_t *body;
    psp_note_key(call->psp, answer);
    if (!psp_read_body(peer, answer, &body))
        return FOUND_NOTHING_OUT;
    const char *code = json_string_value(json_object_get(body, "code"));
    enum found found = FOUND_NOTHING_OUT;
    enum toss_word word = answer->rc == 0 ? psp_toss_word(answer->status, code) : TOSS_SAYS_NOTHING;
    if (answer->rc == 0 && answer->status == 200) {
        if (body != NULL && !is_ours(body, peer->order))
            found = FOUND_NONE; /* the address had another payment's key */
        else if (read_payment(call, body))
            found = FOUND_IT;
        else
            psp_answer(peer, SAGA_UNKNOWN, "unreadable", "no payment in a good answer");
    } else if (answer->rc == 0 && answer->status == 404 && word == TOSS_SAYS_NOBODY) {
        found = FOUND_NONE;
    } else if (answer->rc == 0 && word == TOSS_SAYS_STRANGER) {
        psp_answer_stranger(call->psp, peer, code);
    } else {
        psp_answer_unknown(peer, answer);
    }
    json_decref(body);
    return found;
}

static void on_read_by_key(void *ctx, const struct outcall_answer *answer)
{
    struct toss_call *call = ctx;
    struct payment *payment = &call->peer->payment;
    const struct order *order = call->peer->order;
    enum found found = judge_read(call, answer);
    if (found == FOUND_NOTHING_OUT) {
        finish(call);
        return;
    }
    if (found == FOUND_NONE && answer->status == 404) {
        call->status = TOSS_HINTED;
        call->shown = call->transfer = false; /* left over from an earlier attempt */
        payment->unwanted = NULL;
        payment->currency[0] = '\0';
        memcpy(call->payment_key, order_payment_key(order), sizeof(call->payment_key));
        payment->state = PAYMENT_HINTED;
        payment->amount = order->amount;
    }
    act(call);
}

/* A failed attempt must not hide a newer one. */
static bool is_dead_end(enum toss_status status)
{
    return status == TOSS_NOTHING || status == TOSS_READY || status == TOSS_ABORTED ||
           status == TOSS_EXPIRED;
}

static void on_read(void *ctx, const struct outcall_answer *answer)
{
    struct toss_call *call = ctx;
    const struct order *order = call->peer->order;
    if (judge_read(call, answer) == FOUND_NOTHING_OUT) {
        finish(call);
        return;
    }
    const char *key = order_payment_key(order);
    if (is_dead_end(call->status) && key[0] != '\0' && strcmp(key, call->payment_key) != 0) {
        char path[URL_MAX];
        snprintf(path, sizeof(path), "/v1/payments/%s", key);
        dispatch(call, path, "read", NULL, on_read_by_key);
        return;
    }
    act(call);
}

static void start(struct psp *psp, struct peer_call *peer)
{
    struct toss_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        BUG_STOP("no memory for a call");
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
    json_t *event;
    int rc = json_in_read(body, &event);
    if (rc < 0)
        return err_set(err, rc, "webhook of %zu bytes", body.len);
    const json_t *data = json_object_get(event, "data");
    if (data == NULL) /* DEPOSIT_CALLBACK is flat */
        data = event;
    char order[ORDER_ID_MAX];
    json_in_copy_of(data, "orderId", order, sizeof(order));
    const char *status = json_string_value(json_object_get(data, "status"));
    enum toss_status known = TOSS_READY;
    while (status != NULL && known < TOSS_STATUS_COUNT && strcmp(status_names[known], status) != 0)
        known++;
    json_decref(event);
    if (order[0] == '\0')
        return err_set(err, ERR_SYNTAX, "webhook body names no order");
    /* Anybody may send these, unsigned as they are. So the same hint counts once in ten seconds,
     * and there are no more hints than states. */
    snprintf(out->id, sizeof(out->id), "%s-%d-%llu", order, (int)known,
             (unsigned long long)(now_s / 10));
    snprintf(out->kind, sizeof(out->kind), "PAYMENT_STATUS_CHANGED");
    snprintf(out->payment, sizeof(out->payment), "%s", order);
    snprintf(out->order, sizeof(out->order), "%s", order);
    return 0;
}

/* ---- the list of transactions ---- */

/* A position in the list is a time and the transaction at that time, "2026-11-20T19:00:00/txn": the
 * query needs both. Dates are Korean time without a zone. */

enum { KST_S = 9 * 3600, DAY_S = 24 * 3600, FIRST_LOOK_DAYS = 31, DATE_LEN = 19 };
/* Covers a Toss clock that is ahead of ours. */
enum { AHEAD_DAYS = 31 };

static void put_date(char out[DATE_LEN + 1], uint64_t unix_s)
{
    time_t local_s = (time_t)unix_s + KST_S;
    struct tm tm;
    gmtime_r(&local_s, &tm);
    strftime(out, DATE_LEN + 1, "%Y-%m-%dT%H:%M:%S", &tm);
}

static void read_transactions(const json_t *list, struct psp_events *events)
{
    size_t len = json_array_size(list);
    events->more = len >= events->limit;
    for (size_t i = 0; i < len && events->len < PSP_EVENTS_MAX; i++) {
        struct psp_event_row row = {0};
        /* A capture is listed once, with its amount; a cancel with the returned sum. CANCELED means
         * that nothing is left, whatever was returned before. */
        const json_t *item = json_array_get(list, i);
        char key[64], at[40], status[32];
        json_in_copy_of(item, "transactionKey", key, sizeof(key));
        json_in_copy_of(item, "transactionAt", at, sizeof(at));
        json_in_copy_of(item, "status", status, sizeof(status));
        json_in_copy_of(item, "orderId", row.event.order, sizeof(row.event.order));
        snprintf(row.event.id, sizeof(row.event.id), "%.*s/%s", DATE_LEN, at, key);
        snprintf(row.event.kind, sizeof(row.event.kind), "%s", status);
        snprintf(row.event.payment, sizeof(row.event.payment), "%s", row.event.order);
        json_int_t amount = json_integer_value(json_object_get(item, "amount"));
        uint64_t moved = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
        row.state = PAYMENT_CAPTURED;
        if (strcmp(status, "DONE") == 0) {
            row.amount = row.captured = moved;
        } else if (strcmp(status, "CANCELED") == 0 || strcmp(status, "PARTIAL_CANCELED") == 0) {
            row.state = status[0] == 'C' ? PAYMENT_CANCELED : PAYMENT_CAPTURED;
            row.refunded = row.state == PAYMENT_CANCELED ? PSP_WHOLE : 0;
            memcpy(row.ret.id, key, sizeof(key));
            row.ret.amount = moved;
            row.ret.state = PAYMENT_RETURN_DONE;
        } else {
            row.state = PAYMENT_OPEN;
        }
        if (key[0] != '\0' && strlen(at) >= DATE_LEN && moved <= PSP_WHOLE)
            events->rows[events->len++] = row;
    }
}

static void events(struct psp *psp, const char *id, bool older, uint32_t limit,
                   void (*on_done)(void *ctx, const struct psp_events *events), void *ctx)
{
    assert(!older);
    char url[URL_MAX], auth[AUTH_MAX], from[DATE_LEN + 1], until[DATE_LEN + 1];
    uint64_t now_s = clock_wall_us(psp->conf.clock) / 1000000;
    put_date(until, now_s + AHEAD_DAYS * DAY_S);
    put_date(from, now_s - FIRST_LOOK_DAYS * DAY_S);
    const char *key = strchr(id, '/');
    if (key != NULL)
        snprintf(from, sizeof(from), "%s", id); /* cut after the date */
    snprintf(url, sizeof(url), "%s/v1/transactions?startDate=%s&endDate=%s&limit=%u%s%s",
             psp->conf.api_url, from, until, limit, key != NULL ? "&startingAfter=" : "",
             key != NULL ? key + 1 : "");
    put_auth(&psp->conf, auth);
    psp_list_get(psp, url, auth, limit, read_transactions, on_done, ctx);
}

static bool is_lost(const json_t *answer)
{
    const char *code = json_string_value(json_object_get(answer, "code"));
    return code != NULL && strcmp(code, "INVALID_TRANSACTION_KEY") == 0;
}

/* ---- the configuration ---- */

#define AT(MEMBER)   offsetof(struct psp_settings, MEMBER)
#define URL_OR_EMPTY 0, CONFIG_STRING_MAX - 1, NULL

static const struct config_setting settings[] = {
    {"psp", "toss_url", CONFIG_STRING, AT(url), "", URL_OR_EMPTY, "the API; empty: not used"},
    {"psp", "toss_key", CONFIG_STRING, AT(key), "", URL_OR_EMPTY, "file: the secret key"},
    {"psp", "toss_checkout_url", CONFIG_STRING, AT(checkout_url), "", URL_OR_EMPTY,
     "the payment window"},
    {.section = NULL},
};

static int check(const struct psp_settings *set, struct err_slot *err)
{
    if (set->key[0] == '\0' || set->checkout_url[0] == '\0')
        return err_set(err, ERR_RANGE, "psp.toss_url needs toss_key and toss_checkout_url");
    return 0;
}

/* A confirm names a sum without a currency. */
static bool takes(const char *currency)
{
    return strcmp(currency, "KRW") == 0;
}

static const struct psp_hint hint = {
    .payment = "paymentKey", .order = "orderId", .amount = "amount"};

static const char *const test_keys[] = {"test_sk_", "test_gsk_", NULL};

const struct psp_driver psp_toss = {
    .name = "toss",
    .label = "provider=\"toss\"",
    .refund_calls = 3, /* a refund looks, too, before it acts */
    .test_keys = test_keys,
    .takes = takes,
    .hint = &hint,
    .settings = settings,
    .check = check,
    .start = start,
    .webhook = webhook,
    .events = events,
    .onward = true,
    .is_lost = is_lost,
};
