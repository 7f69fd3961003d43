/* toss.c: a payment begins when the buyer agrees in the window (IN_PROGRESS) and moves money when
 * the shop confirms it with the same order and amount. By virtual account, a confirm only opens the
 * account (WAITING_FOR_DEPOSIT, with the same 200); the money comes when the buyer has transferred
 * it, or never. Before its confirm a payment can be found by its own key but not by the order's id:
 * the documentation promises that only for confirmed ones. Its webhooks say no more than "look
 * again". An attempt that nobody confirms in time is EXPIRED; that follows from the time, so it is
 * worked out when somebody asks. */
#include "toss/toss.h"

#include "base/json_in.h"
#include "core/strmap.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"
#include "toss/toss_error.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

static const char *const status_names[PAYMENT_STATUS_COUNT] = {
    "IN_PROGRESS", "DONE",    "PARTIAL_CANCELED",    "CANCELED",
    "ABORTED",     "EXPIRED", "WAITING_FOR_DEPOSIT",
};

const char *toss_status_name(enum payment_status status)
{
    assert(status < PAYMENT_STATUS_COUNT);
    return status_names[status];
}

static const uint8_t payment_next[PAYMENT_STATUS_COUNT] = {
    [PAYMENT_IN_PROGRESS] = 1u << PAYMENT_DONE | 1u << PAYMENT_ABORTED | 1u << PAYMENT_EXPIRED |
                            1u << PAYMENT_WAITING_FOR_DEPOSIT,
    [PAYMENT_WAITING_FOR_DEPOSIT] = 1u << PAYMENT_DONE | 1u << PAYMENT_CANCELED,
    [PAYMENT_DONE] = 1u << PAYMENT_PARTIAL_CANCELED | 1u << PAYMENT_CANCELED,
    [PAYMENT_PARTIAL_CANCELED] = 1u << PAYMENT_PARTIAL_CANCELED | 1u << PAYMENT_CANCELED,
};

bool toss_order_id_valid(struct span id)
{
    if (id.len < 6 || id.len > TOSS_ORDER_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '-' && c != '_' && c != '=')
            return false;
    }
    return true;
}

static enum payment_status status_now(const struct payment *payment, uint64_t now_s)
{
    bool late = now_s >= payment->requested_ms / 1000 + TOSS_SESSION_S;
    return payment->status == PAYMENT_IN_PROGRESS && late ? PAYMENT_EXPIRED : payment->status;
}

static bool is_paid(const struct payment *payment)
{
    return payment->status == PAYMENT_DONE || payment->status == PAYMENT_PARTIAL_CANCELED;
}

static void move(struct desk_call *at, struct payment *payment, enum payment_status to)
{
    assert((payment_next[payment->status] & 1u << to) != 0);
    payment->status = to;
    ident_random(payment->transaction, "txn_", at->rng);
    assert(payment->balance >= 0 && payment->balance <= payment->amount);
    assert((payment->balance == 0) == (to == PAYMENT_CANCELED));
}

/* For GET /v1/transactions: the payment has just moved; this much was captured or refunded. */
static void book(struct desk_call *at, struct payment *payment, int64_t amount)
{
    struct list *list = &at->bank->transactions;
    struct transaction *transaction = calloc(1, sizeof(*transaction));
    if (transaction == NULL)
        return;
    ident_make(transaction->key, "txn_", list->count, at->rng);
    transaction->payment = payment;
    transaction->status = payment->status;
    transaction->amount = amount;
    transaction->at_ms = at->call->at_us / 1000;
    if (bank_add(list, transaction, NULL) < 0) {
        free(transaction);
        return;
    }
    memcpy(payment->transaction, transaction->key, sizeof(payment->transaction));
}

/* ---- JSON ---- */

/* As Toss writes times: Korean, to the second. */
void toss_put_time(struct text *out, const char *key, uint64_t at_ms)
{
    if (at_ms == 0) {
        json_member_null(out, key);
        return;
    }
    time_t local_s = (time_t)(at_ms / 1000) + 9 * 3600;
    struct tm tm;
    char memory[40];
    gmtime_r(&local_s, &tm);
    size_t len = strftime(memory, sizeof(memory), "%Y-%m-%dT%H:%M:%S+09:00", &tm);
    json_member_str(out, key, (struct span){memory, len});
}

static void put_cancels(struct text *out, const struct payment *payment)
{
    if (payment->cancels_len == 0) {
        json_member_null(out, "cancels");
        return;
    }
    json_key(out, "cancels");
    json_open(out, '[');
    for (unsigned i = 0; i < payment->cancels_len; i++) {
        const struct payment_cancel *cancel = &payment->cancels[i];
        json_open(out, '{');
        json_member_cstr(out, "transactionKey", cancel->transaction);
        json_member_cstr(out, "cancelReason", cancel->reason);
        toss_put_time(out, "canceledAt", cancel->at_ms);
        json_member_i64(out, "cancelAmount", cancel->amount);
        json_member_i64(out, "refundableAmount", cancel->left);
        json_member_cstr(out, "cancelStatus", "DONE");
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void put_account(struct text *out, const struct payment *payment)
{
    json_key(out, "virtualAccount");
    json_open(out, '{');
    json_member_cstr(out, "accountType", "일반");
    json_member_cstr(out, "accountNumber", "X6505636518308");
    json_member_cstr(out, "bankCode", "20");
    json_member_cstr(out, "customerName", "박토스");
    toss_put_time(out, "dueDate", payment->requested_ms + TOSS_DEPOSIT_S * UINT64_C(1000));
    json_member_cstr(out, "refundStatus", "NONE");
    json_member_bool(out, "expired", false);
    json_member_cstr(out, "settlementStatus", "INCOMPLETED");
    json_member_null(out, "refundReceiveAccount");
    json_close(out, '}');
}

static void put_card(struct text *out, const struct payment *payment)
{
    json_key(out, "card");
    json_open(out, '{');
    json_member_i64(out, "amount", payment->amount);
    char masked[32];
    struct text number = text_on(masked, sizeof(masked));
    text_printf(&number, "************%s", card_last4(payment->card));
    json_member_str(out, "number", text_span(&number));
    json_member_cstr(out, "issuerCode", "61");
    json_member_cstr(out, "acquirerCode", "31");
    json_member_u64(out, "installmentPlanMonths", 0);
    json_member_cstr(out, "approveNo", "00000000");
    json_member_cstr(out, "cardType", "신용");
    json_close(out, '}');
}

static void put_payment(struct text *out, const struct payment *payment, uint64_t now_s)
{
    enum payment_status status = status_now(payment, now_s);
    json_open(out, '{');
    json_member_cstr(out, "mId", "sandbox");
    json_member_cstr(out, "version", "2022-11-16");
    json_member_cstr(out, "paymentKey", payment->key);
    json_member_cstr(out, "type", "NORMAL");
    json_member_cstr(out, "orderId", payment->order);
    json_member_cstr(out, "orderName", payment->order_name);
    json_member_cstr(out, "status", status_names[status]);
    toss_put_time(out, "requestedAt", payment->requested_ms);
    toss_put_time(out, "approvedAt", payment->approved_ms);
    json_member_cstr(out, "lastTransactionKey", payment->transaction);
    json_member_cstr(out, "currency", "KRW");
    json_member_cstr(out, "method", payment->card != NULL ? "카드" : "가상계좌");
    json_member_i64(out, "totalAmount", payment->amount);
    json_member_i64(out, "balanceAmount", payment->balance);
    if (payment->card != NULL) {
        put_card(out, payment);
        json_member_null(out, "virtualAccount");
    } else {
        json_member_null(out, "card");
        put_account(out, payment);
    }
    json_member_cstr(out, "secret", payment->secret);
    put_cancels(out, payment);
    json_key(out, "failure");
    if (status == PAYMENT_ABORTED && payment->card != NULL) {
        json_open(out, '{');
        json_member_cstr(out, "code", payment->card->toss_says);
        json_member_cstr(out, "message", payment->card->says);
        json_close(out, '}');
    } else {
        json_nil(out);
    }
    json_close(out, '}');
}

static void answer_payment(struct desk_call *at, const struct payment *payment)
{
    put_payment(at->out, payment, at->now_s);
    at->answer->status = 200;
}

/* The extra webhook when the buyer has transferred the money; flat, as Toss writes it. */
static void notify_deposit(struct desk_call *at, const struct payment *payment)
{
    struct text *out = bank_object(at);
    json_open(out, '{');
    toss_put_time(out, "createdAt", at->call->at_us / 1000);
    json_member_cstr(out, "secret", payment->secret);
    json_member_cstr(out, "status", status_names[payment->status]);
    json_member_cstr(out, "transactionKey", payment->transaction);
    json_member_cstr(out, "orderId", payment->order);
    json_close(out, '}');
    bank_notice(at);
}

static void notify(struct desk_call *at, const struct payment *payment)
{
    struct text *out = bank_object(at);
    json_open(out, '{');
    json_member_cstr(out, "eventType", "PAYMENT_STATUS_CHANGED");
    toss_put_time(out, "createdAt", at->call->at_us / 1000);
    json_key(out, "data");
    put_payment(out, payment, at->now_s);
    json_close(out, '}');
    bank_notice(at);
}

/* ---- the window ---- */

/* NULL without memory. */
static struct payment *add_payment(struct desk_call *at, struct span order, struct span name,
                                   const struct card *card, int64_t amount)
{
    struct bank *bank = at->bank;
    struct payment *payment = calloc(1, sizeof(*payment));
    if (payment == NULL)
        return NULL;
    uint32_t place = bank->payments.count;
    ident_make(payment->key, "tpk_", place, at->rng);
    ident_random(payment->transaction, "txn_", at->rng);
    ident_random(payment->secret, "ps_", at->rng);
    bool fits = span_to_cstr(order, payment->order, sizeof(payment->order));
    assert(fits);
    payment->order_name = bank_copy(name);
    payment->card = card;
    payment->amount = amount;
    payment->balance = amount;
    payment->requested_ms = at->call->at_us / 1000;
    payment->older = PAYMENT_NONE;
    bool known = strmap_find(bank->orders, order, &payment->older);
    if (payment->order_name == NULL || bank_add(&bank->payments, payment, NULL) < 0)
        goto free_payment;
    if (known) {
        strmap_set(bank->orders, place);
    } else if (strmap_put(bank->orders, place, NULL) < 0) {
        bank->payments.count--;
        goto free_payment;
    }
    return payment;

free_payment:
    free(payment->order_name);
    free(payment);
    return NULL;
}

void toss_hosted(struct desk_call *at)
{
    struct span order = {0};
    struct span name = {0};
    struct span token = {0};
    int64_t amount = 0;
    if (!param_require(at, "orderId") || !param_require(at, "orderName") ||
        !param_require(at, "amount") || !param_require(at, "payment_method") ||
        !param_amount(at, "amount", 1, &amount) ||
        !param_text(at, "orderId", TOSS_ORDER_ID_MAX, &order) ||
        !param_text(at, "orderName", 100, &name) ||
        !param_text(at, "payment_method", FORM_KEY_MAX, &token))
        return;
    bool transfer = span_eq(token, SPAN("virtual_account"));
    const struct card *card = transfer ? NULL : card_by_token(token);
    bool known = transfer || card != NULL;
    if (!known || !toss_order_id_valid(order)) {
        stripe_fail_missing(at, known ? "order" : "card", known ? order : token, "");
        return;
    }
    struct payment *payment = add_payment(at, order, name, card, amount);
    if (payment == NULL) {
        stripe_fail_status(at, 500);
        return;
    }
    at->answer->executed = true;
    at->answer->payment = at->bank->payments.count - 1;
    answer_payment(at, payment);
}

/* ---- the API ---- */

static bool read_json(struct desk_call *at, json_t **doc)
{
    struct err_slot err;
    int rc = json_in_parse(at->call->body, &err, doc);
    if (rc == ERR_NOMEM)
        toss_fail_status(at, 500);
    else if (rc < 0)
        toss_fail(at, 400, "INVALID_REQUEST", err.text);
    return rc == 0;
}

struct confirm {
    struct span key;
    struct span order;
    uint64_t amount;
};

static bool read_confirm(struct desk_call *at, json_t *doc, struct confirm *in)
{
    struct err_slot err;
    struct json_in reader;
    json_in_object(&reader, doc, &err);
    json_in_require(&reader, "paymentKey");
    json_in_require(&reader, "orderId");
    json_in_require(&reader, "amount");
    json_in_str(&reader, "paymentKey", 1, 200, &in->key);
    json_in_str(&reader, "orderId", 6, TOSS_ORDER_ID_MAX, &in->order);
    json_in_u64(&reader, "amount", 1, 9999999999, &in->amount);
    if (json_in_end(&reader) == 0)
        return true;
    toss_fail(at, 400, "INVALID_REQUEST", err.text);
    return false;
}

/* Another attempt for the same order has been paid. */
static bool order_is_paid(const struct bank *bank, const struct payment *payment)
{
    uint32_t place;
    if (!strmap_find(bank->orders, span_of(payment->order), &place))
        return false;
    while (place != PAYMENT_NONE) {
        const struct payment *other = bank_payment(bank, place);
        if (other != payment && is_paid(other))
            return true;
        place = other->older;
    }
    return false;
}

static void take(struct desk_call *at, struct payment *payment)
{
    move(at, payment, PAYMENT_DONE);
    book(at, payment, payment->amount);
    payment->approved_ms = at->call->at_us / 1000;
    at->bank->counts.toss_confirms++;
    notify(at, payment);
}

static void confirm(struct desk_call *at, const struct confirm *in)
{
    struct payment *payment = bank_find_payment(at->bank, in->key, NULL);
    if (payment == NULL) {
        toss_fail(at, 404, "NOT_FOUND_PAYMENT", "No such payment.");
        return;
    }
    if (!span_eq(in->order, span_of(payment->order)) || (int64_t)in->amount != payment->amount) {
        toss_fail(at, 400, "INVALID_REQUEST",
                  "The order or the amount is not the one that the buyer agreed to.");
        return;
    }
    at->answer->executed = true; /* from here on the answer is stored under the key */
    if (status_now(payment, at->now_s) == PAYMENT_EXPIRED) {
        toss_fail(at, 404, "NOT_FOUND_PAYMENT_SESSION", "The payment session has expired.");
    } else if (payment->status != PAYMENT_IN_PROGRESS) {
        toss_fail(at, 400, "ALREADY_PROCESSED_PAYMENT", "The payment has been processed already.");
    } else if (order_is_paid(at->bank, payment)) {
        toss_fail(at, 400, "DUPLICATED_ORDER_ID", "The order has been paid already.");
    } else if (payment->card == NULL) {
        move(at, payment, PAYMENT_WAITING_FOR_DEPOSIT);
        notify(at, payment);
        answer_payment(at, payment);
    } else if (payment->card->code != NULL) {
        move(at, payment, PAYMENT_ABORTED);
        at->bank->counts.declines++;
        notify(at, payment);
        toss_fail(at, 403, payment->card->toss_says, payment->card->says);
    } else {
        take(at, payment);
        answer_payment(at, payment);
    }
}

void toss_confirm(struct desk_call *at)
{
    json_t *doc;
    struct confirm in = {0};
    if (!read_json(at, &doc))
        return;
    if (read_confirm(at, doc, &in))
        confirm(at, &in);
    json_decref(doc);
}

static struct payment *of_path(struct desk_call *at)
{
    struct payment *payment = bank_find_payment(at->bank, at->call->id, NULL);
    if (payment == NULL)
        toss_fail(at, 404, "NOT_FOUND_PAYMENT", "No such payment.");
    return payment;
}

void toss_get(struct desk_call *at)
{
    struct payment *payment = of_path(at);
    if (payment != NULL)
        answer_payment(at, payment);
}

/* Of an order with several attempts, the one that is paid, otherwise the newest that was confirmed;
 * NULL: none yet. */
static struct payment *of_order(const struct bank *bank, struct span order)
{
    uint32_t place = PAYMENT_NONE;
    struct payment *newest = NULL;
    (void)strmap_find(bank->orders, order, &place);
    while (place != PAYMENT_NONE) {
        struct payment *payment = bank_payment(bank, place);
        if (payment->approved_ms != 0)
            return payment;
        if (newest == NULL && payment->status != PAYMENT_IN_PROGRESS)
            newest = payment;
        place = payment->older;
    }
    return newest;
}

void toss_get_order(struct desk_call *at)
{
    const struct payment *payment = of_order(at->bank, at->call->id);
    if (payment != NULL)
        answer_payment(at, payment);
    else
        toss_fail(at, 404, "NOT_FOUND_PAYMENT", "No such payment.");
}

void toss_deposit(struct desk_call *at)
{
    struct span order = {0};
    if (!param_require(at, "orderId") || !param_text(at, "orderId", TOSS_ORDER_ID_MAX, &order))
        return;
    struct payment *payment = of_order(at->bank, order);
    if (payment == NULL || payment->status != PAYMENT_WAITING_FOR_DEPOSIT) {
        toss_fail(at, 409, "NOT_ACCEPTED", "The bank turns it away: no account waits for it.");
        return;
    }
    at->answer->executed = true;
    take(at, payment);
    notify_deposit(at, payment);
    answer_payment(at, payment);
}

struct cancel {
    struct span reason;
    uint64_t amount;  /* 0: all that is left */
    uint64_t balance; /* what the caller believes is left; 0: not given */
    bool has_account; /* the account for paying a transfer back is given */
};

static bool read_cancel(struct desk_call *at, json_t *doc, struct cancel *in)
{
    struct err_slot err;
    struct json_in reader;
    json_in_object(&reader, doc, &err);
    json_in_require(&reader, "cancelReason");
    json_in_str(&reader, "cancelReason", 1, TOSS_REASON_MAX, &in->reason);
    json_in_u64(&reader, "cancelAmount", 1, 9999999999, &in->amount);
    json_in_u64(&reader, "refundableAmount", 1, 9999999999, &in->balance);
    json_t *account = NULL;
    json_in_any(&reader, "refundReceiveAccount", &account);
    in->has_account = json_is_object(account);
    if (json_in_end(&reader) == 0)
        return true;
    toss_fail(at, 400, "INVALID_REQUEST", err.text);
    return false;
}

static bool add_cancel(struct desk_call *at, struct payment *payment, const struct cancel *in,
                       int64_t amount)
{
    struct payment_cancel *cancels =
        realloc(payment->cancels, (payment->cancels_len + 1) * sizeof(*cancels));
    if (cancels == NULL)
        return false;
    payment->cancels = cancels;
    struct payment_cancel *cancel = &cancels[payment->cancels_len];
    *cancel = (struct payment_cancel){.amount = amount,
                                      .left = payment->balance - amount,
                                      .at_ms = at->call->at_us / 1000,
                                      .reason = bank_copy(in->reason)};
    if (cancel->reason == NULL)
        return false;
    payment->cancels_len++;
    return true;
}

static void cancel_payment(struct desk_call *at, struct payment *payment, const struct cancel *in)
{
    int64_t amount = in->amount != 0 ? (int64_t)in->amount : payment->balance;
    at->answer->executed = true;
    if (payment->status == PAYMENT_CANCELED) {
        toss_fail(at, 400, "ALREADY_CANCELED_PAYMENT", "The payment is canceled already.");
    } else if (is_paid(payment) && payment->card == NULL && !in->has_account) {
        toss_fail(at, 400, "INVALID_REFUND_ACCOUNT_INFO",
                  "Refunding a transfer needs refundReceiveAccount.");
    } else if ((!is_paid(payment) && payment->status != PAYMENT_WAITING_FOR_DEPOSIT) ||
               payment->cancels_len == TOSS_CANCELS_MAX) {
        toss_fail(at, 403, "NOT_CANCELABLE_PAYMENT", "The payment cannot be canceled.");
    } else if (in->balance != 0 && (int64_t)in->balance != payment->balance) {
        toss_fail(at, 400, "NOT_MATCHES_REFUNDABLE_AMOUNT",
                  "What is left of the payment is not what the request says.");
    } else if (amount > payment->balance) {
        toss_fail(at, 403, "NOT_CANCELABLE_AMOUNT", "More than what is left of the payment.");
    } else if (!add_cancel(at, payment, in, amount)) {
        toss_fail_status(at, 500);
    } else {
        bool moved = is_paid(payment);
        payment->balance -= amount;
        move(at, payment, payment->balance == 0 ? PAYMENT_CANCELED : PAYMENT_PARTIAL_CANCELED);
        if (moved)
            book(at, payment, amount);
        memcpy(payment->cancels[payment->cancels_len - 1].transaction, payment->transaction,
               sizeof(payment->transaction));
        at->bank->counts.toss_cancels++;
        notify(at, payment);
        answer_payment(at, payment);
    }
}

void toss_cancel(struct desk_call *at)
{
    json_t *doc;
    struct cancel in = {0};
    struct payment *payment = of_path(at);
    if (payment == NULL || !read_json(at, &doc))
        return;
    if (read_cancel(at, doc, &in))
        cancel_payment(at, payment, &in);
    json_decref(doc);
}
