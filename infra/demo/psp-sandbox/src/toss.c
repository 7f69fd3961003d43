/* toss.c: a payment begins when the buyer agrees in the window (IN_PROGRESS) and moves money when
 * the shop confirms it with the same order and amount. By virtual account, a confirm only opens the
 * account (WAITING_FOR_DEPOSIT, with the same 200); the money comes when the buyer has transferred
 * it, or never. Before its confirm a payment can be found by its own key but not by the order's id:
 * the documentation promises that only for confirmed ones. Its webhooks say no more than "read it
 * again". An attempt that nobody confirms in time is EXPIRED; that follows from the time alone, so
 * it is set when the payment is next looked at. */
#include "toss.h"

#include "base/rfc3339.h"
#include "must.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

enum payment_status {
    PAYMENT_IN_PROGRESS, /* the buyer has agreed, nothing is taken yet */
    PAYMENT_DONE,
    PAYMENT_PARTIAL_CANCELED,
    PAYMENT_CANCELED,
    PAYMENT_ABORTED, /* the card was refused at confirm */
    PAYMENT_EXPIRED,
    PAYMENT_WAITING_FOR_DEPOSIT, /* the account is open, but no money has come in yet */
    PAYMENT_STATUS_COUNT,
};

static const struct {
    const char *name;
    unsigned next;
} statuses[PAYMENT_STATUS_COUNT] = {
    [PAYMENT_IN_PROGRESS] = {"IN_PROGRESS", 1u << PAYMENT_DONE | 1u << PAYMENT_ABORTED |
                                                1u << PAYMENT_EXPIRED |
                                                1u << PAYMENT_WAITING_FOR_DEPOSIT},
    [PAYMENT_WAITING_FOR_DEPOSIT] = {"WAITING_FOR_DEPOSIT",
                                     1u << PAYMENT_DONE | 1u << PAYMENT_CANCELED},
    [PAYMENT_DONE] = {"DONE", 1u << PAYMENT_PARTIAL_CANCELED | 1u << PAYMENT_CANCELED},
    [PAYMENT_PARTIAL_CANCELED] = {"PARTIAL_CANCELED",
                                  1u << PAYMENT_PARTIAL_CANCELED | 1u << PAYMENT_CANCELED},
    [PAYMENT_CANCELED] = {"CANCELED", 0},
    [PAYMENT_ABORTED] = {"ABORTED", 0},
    [PAYMENT_EXPIRED] = {"EXPIRED", 0},
};

bool toss_order_id_valid(struct span id)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=";
    return id.len >= 6 && id.len <= TOSS_ORDER_ID_MAX && span_is_of(id, good);
}

/* ---- errors ---- */

void toss_error_put(struct text *out, const char *code, const char *message)
{
    json_open(out, '{');
    json_member_cstr(out, "code", code);
    json_member_cstr(out, "message", message);
    json_close(out, '}');
}

/* Discards what the answer holds and writes the error; returns false. */
static bool fail(struct call *call, unsigned status, const char *code, const char *message)
{
    *call->out = text_on(call->out->ptr, call->out->cap);
    toss_error_put(call->out, code, message);
    call->status = status;
    return false;
}

/* The same because of the payment's state, which is stored under the key; returns true. */
static bool refuse(struct call *call, unsigned status, const char *code, const char *message)
{
    return !fail(call, status, code, message);
}

/* ---- a payment ---- */

static json_t *time_json(uint64_t at_s) /* as Toss writes times: Korean, to the second */
{
    time_t local_s = (time_t)at_s + 9 * 3600;
    struct tm tm;
    char memory[40];
    gmtime_r(&local_s, &tm);
    strftime(memory, sizeof(memory), "%Y-%m-%dT%H:%M:%S+09:00", &tm);
    return json_string(memory);
}

static bool is_paid(const struct object *payment)
{
    return payment->status == PAYMENT_DONE || payment->status == PAYMENT_PARTIAL_CANCELED;
}

/* Moves to another status; this much was captured or refunded, 0: nothing. */
static void move(struct call *call, struct object *payment, enum payment_status to, int64_t amount)
{
    char key[BANK_ID_MAX];
    int64_t balance = bank_number(payment, "balanceAmount");
    assert((statuses[payment->status].next & 1u << to) != 0);
    assert(balance >= 0 && balance <= bank_number(payment, "totalAmount"));
    assert((balance == 0) == (to == PAYMENT_CANCELED));
    bank_id(call, "txn_", key);
    if (amount != 0) {
        json_t *shown = json_pack("{s:s,s:n,s:s,s:O,s:O,s:s,s:o,s:s,s:I}", "mId", "sandbox",
                                  "transactionKey", "paymentKey", payment->id, "orderId",
                                  json_object_get(payment->shown, "orderId"), "method",
                                  json_object_get(payment->shown, "method"), "status",
                                  statuses[to].name, "transactionAt", time_json(call->now_s),
                                  "currency", "KRW", "amount", (json_int_t)amount);
        strcpy(key, bank_make(call, TRANSACTION, shown)->id);
    }
    payment->status = to;
    bank_set(payment,
             json_pack("{s:s,s:s}", "status", statuses[to].name, "lastTransactionKey", key));
}

static void answer_payment(struct call *call, const struct object *payment)
{
    bank_put(call->out, call->bank, payment, NULL);
    call->status = 200;
}

/* Answers with the changed payment, and sends a webhook about it. */
static void answer_change(struct call *call, const struct object *payment)
{
    answer_payment(call, payment);
    bank_notice(call, json_pack("{s:s,s:o,s:O}", "eventType", "PAYMENT_STATUS_CHANGED", "createdAt",
                                time_json(call->now_s), "data", payment->shown));
}

/* The payment with this key; NULL: the call has been answered. */
static struct object *find_payment(struct call *call, struct span key)
{
    struct object *payment = bank_find(call->bank, PAYMENT, key);
    if (payment == NULL) {
        fail(call, 404, "NOT_FOUND_PAYMENT", "No such payment.");
    } else if (payment->status == PAYMENT_IN_PROGRESS &&
               call->now_s >= payment->created_s + TOSS_SESSION_S) {
        payment->status = PAYMENT_EXPIRED;
        bank_set(payment, json_pack("{s:s}", "status", statuses[PAYMENT_EXPIRED].name));
    }
    return payment;
}

/* Of an order with several attempts, the newest paid one, otherwise the newest confirmed one; NULL:
 * none yet. */
static struct object *of_order(const struct bank *bank, struct span order)
{
    struct object *paid = NULL, *confirmed = NULL;
    size_t i;
    json_t *key;
    json_array_foreach(json_object_getn(bank->orders, order.ptr, order.len), i, key)
    {
        struct object *payment = bank_find(bank, PAYMENT, span_of(json_string_value(key)));
        if (bank_text(payment, "approvedAt") != NULL)
            paid = payment;
        if (payment->status != PAYMENT_IN_PROGRESS && payment->status != PAYMENT_EXPIRED)
            confirmed = payment;
    }
    return paid != NULL ? paid : confirmed;
}

/* ---- the window ---- */

bool toss_hosted(struct call *call)
{
    const char *token, *order, *name;
    json_int_t amount;
    int rc = json_unpack(call->in, "{s:s,s:s,s:s,s:I}", "payment_method", &token, "orderId", &order,
                         "orderName", &name, "amount", &amount);
    assert(rc == 0); /* the window made it */
    const struct card *card = card_by_token(span_of(token));
    char secret[BANK_ID_MAX], number[32];
    bank_id(call, "ps_", secret);
    json_t *shown = json_pack(
        "{s:s,s:s,s:n,s:s,s:s,s:s,s:s,s:o,s:n,s:n,s:s,s:I,s:I,s:s,s:n,s:n}", "mId", "sandbox",
        "version", "2022-11-16", "paymentKey", "type", "NORMAL", "orderId", order, "orderName",
        name, "status", statuses[PAYMENT_IN_PROGRESS].name, "requestedAt", time_json(call->now_s),
        "approvedAt", "lastTransactionKey", "currency", "KRW", "totalAmount", amount,
        "balanceAmount", amount, "secret", secret, "cancels", "failure");
    struct object *payment = bank_make(call, PAYMENT, shown);
    payment->card = card;
    if (card != NULL) {
        snprintf(number, sizeof(number), "************%s", card_last4(card));
        bank_set(payment, json_pack("{s:s,s:{s:I,s:s,s:i,s:s},s:n}", "method", "카드", "card",
                                    "amount", amount, "number", number, "installmentPlanMonths", 0,
                                    "approveNo", "00000000", "virtualAccount"));
    } else {
        bank_set(payment, json_pack("{s:s,s:n,s:{s:s,s:s,s:o}}", "method", "가상계좌", "card",
                                    "virtualAccount", "accountNumber", "X6505636518308", "bankCode",
                                    "20", "dueDate", time_json(call->now_s + TOSS_DEPOSIT_S)));
    }
    json_t *attempts = json_object_get(call->bank->orders, order);
    if (attempts == NULL) {
        attempts = must(json_array());
        json_object_set_new(call->bank->orders, order, attempts);
    }
    json_array_append_new(attempts, json_string(payment->id));
    call->about = payment;
    answer_payment(call, payment);
    return true;
}

/* ---- confirm ---- */

static void take(struct call *call, struct object *payment)
{
    move(call, payment, PAYMENT_DONE, bank_number(payment, "totalAmount"));
    bank_set(payment, json_pack("{s:o}", "approvedAt", time_json(call->now_s)));
    answer_change(call, payment);
}

bool toss_confirm(struct call *call)
{
    struct err_slot err;
    struct json_in in;
    struct span key, order;
    uint64_t amount;
    json_in_object(&in, call->in, &err);
    json_in_require(&in, "paymentKey");
    json_in_require(&in, "orderId");
    json_in_require(&in, "amount");
    json_in_str(&in, "paymentKey", 1, 200, &key);
    json_in_str(&in, "orderId", 6, TOSS_ORDER_ID_MAX, &order);
    json_in_u64(&in, "amount", 1, 9999999999, &amount);
    if (json_in_end(&in) < 0)
        return fail(call, 400, "INVALID_REQUEST", err.text);
    struct object *payment = find_payment(call, key);
    if (payment == NULL)
        return false;
    if (!span_eq(order, span_of(bank_text(payment, "orderId"))) ||
        (int64_t)amount != bank_number(payment, "totalAmount"))
        return fail(call, 400, "INVALID_REQUEST",
                    "The order or the amount is not the one that the buyer agreed to.");
    const struct object *other = of_order(call->bank, order);
    if (payment->status == PAYMENT_EXPIRED)
        return refuse(call, 404, "NOT_FOUND_PAYMENT_SESSION", "The payment session has expired.");
    if (payment->status != PAYMENT_IN_PROGRESS)
        return refuse(call, 400, "ALREADY_PROCESSED_PAYMENT",
                      "The payment has been processed already.");
    if (other != NULL && is_paid(other))
        return refuse(call, 400, "DUPLICATED_ORDER_ID", "The order has been paid already.");
    const struct card *card = payment->card;
    if (card == NULL) {
        move(call, payment, PAYMENT_WAITING_FOR_DEPOSIT, 0);
        answer_change(call, payment);
        return true;
    }
    if (card->code == NULL) {
        take(call, payment);
        return true;
    }
    move(call, payment, PAYMENT_ABORTED, 0);
    bank_set(payment,
             json_pack("{s:{s:s,s:s}}", "failure", "code", card->toss_says, "message", card->says));
    answer_change(call, payment);
    return refuse(call, 403, card->toss_says, card->says);
}

bool toss_deposit(struct call *call)
{
    struct object *payment = of_order(call->bank, json_in_text_of(call->in, "orderId"));
    if (payment == NULL || payment->status != PAYMENT_WAITING_FOR_DEPOSIT)
        return fail(call, 409, "NOT_ACCEPTED", "The bank turns it away: no account waits for it.");
    take(call, payment);
    /* The extra webhook when the buyer has transferred the money; flat, as Toss writes it. */
    const json_t *shown = payment->shown;
    bank_notice(call, json_pack("{s:o,s:O,s:O,s:O,s:O}", "createdAt", time_json(call->now_s),
                                "secret", json_object_get(shown, "secret"), "status",
                                json_object_get(shown, "status"), "transactionKey",
                                json_object_get(shown, "lastTransactionKey"), "orderId",
                                json_object_get(shown, "orderId")));
    return true;
}

/* ---- reading ---- */

bool toss_get(struct call *call)
{
    const struct object *payment = find_payment(call, call->id);
    if (payment != NULL)
        answer_payment(call, payment);
    return false;
}

bool toss_get_order(struct call *call)
{
    const struct object *payment = of_order(call->bank, call->id);
    if (payment == NULL)
        return fail(call, 404, "NOT_FOUND_PAYMENT", "No such payment.");
    answer_payment(call, payment);
    return false;
}

/* Korean time without a zone, as Toss writes dates in a query. */
static bool read_date(const struct call *call, const char *name, uint64_t *s)
{
    char memory[48];
    uint64_t ms;
    struct text text = text_on(memory, sizeof(memory));
    text_put(&text, json_in_text_of(call->in, name));
    TEXT_LIT(&text, "+09:00");
    if (text.overflown || !rfc3339_parse(text_span(&text), &ms))
        return false;
    *s = ms / 1000;
    return true;
}

/* Each capture and each refund is a separate transaction, in the order in which they happened. A
 * page continues after the last key of the previous one. */
bool toss_list(struct call *call)
{
    static const char words[] = "The query cannot be understood.";
    const struct list *list = &call->bank->lists[TRANSACTION];
    uint64_t from_s, until_s, limit = TOSS_LIST_DEFAULT, count = 0;
    struct span limit_text = json_in_text_of(call->in, "limit");
    struct span after = json_in_text_of(call->in, "startingAfter");
    const struct object *last = bank_find(call->bank, TRANSACTION, after);
    if (!read_date(call, "startDate", &from_s) || !read_date(call, "endDate", &until_s) ||
        from_s > until_s)
        return fail(call, 400, "INVALID_DATE", words);
    if (limit_text.ptr != NULL && (!span_u64(limit_text, TOSS_LIST_MAX, &limit) || limit == 0))
        return fail(call, 400, "INVALID_REQUEST", words);
    if (after.len > 0 && last == NULL)
        return fail(call, 400, "INVALID_TRANSACTION_KEY", words);
    json_open(call->out, '[');
    for (uint32_t i = last != NULL ? last->place + 1 : 0; i < list->count && count < limit; i++) {
        const struct object *transaction = list->items[i];
        if (transaction->created_s < from_s || transaction->created_s > until_s)
            continue;
        bank_put(call->out, call->bank, transaction, NULL);
        count++;
    }
    json_close(call->out, ']');
    call->status = 200;
    return false;
}

/* ---- cancel ---- */

static void give_back(struct call *call, struct object *payment, int64_t amount, const char *reason)
{
    int64_t left = bank_number(payment, "balanceAmount") - amount;
    bool moved = is_paid(payment);
    bank_set(payment, json_pack("{s:I}", "balanceAmount", (json_int_t)left));
    move(call, payment, left == 0 ? PAYMENT_CANCELED : PAYMENT_PARTIAL_CANCELED,
         moved ? amount : 0);
    if (!json_is_array(json_object_get(payment->shown, "cancels")))
        bank_set(payment, json_pack("{s:[]}", "cancels"));
    json_array_append_new(json_object_get(payment->shown, "cancels"),
                          json_pack("{s:O,s:s,s:o,s:I,s:I,s:s}", "transactionKey",
                                    json_object_get(payment->shown, "lastTransactionKey"),
                                    "cancelReason", reason, "canceledAt", time_json(call->now_s),
                                    "cancelAmount", (json_int_t)amount, "refundableAmount",
                                    (json_int_t)left, "cancelStatus", "DONE"));
    answer_change(call, payment);
}

bool toss_cancel(struct call *call)
{
    struct err_slot err;
    struct json_in in;
    struct span reason;
    uint64_t amount = 0;    /* 0: all that is left */
    uint64_t believed = 0;  /* what the caller believes is left; 0: not given */
    json_t *account = NULL; /* for paying a transfer back */
    struct object *payment = find_payment(call, call->id);
    if (payment == NULL)
        return false;
    json_in_object(&in, call->in, &err);
    json_in_require(&in, "cancelReason");
    json_in_str(&in, "cancelReason", 1, TOSS_REASON_MAX, &reason);
    json_in_u64(&in, "cancelAmount", 1, 9999999999, &amount);
    json_in_u64(&in, "refundableAmount", 1, 9999999999, &believed);
    json_in_any(&in, "refundReceiveAccount", &account);
    if (json_in_end(&in) < 0)
        return fail(call, 400, "INVALID_REQUEST", err.text);
    uint64_t balance = (uint64_t)bank_number(payment, "balanceAmount");
    bool waits = payment->status == PAYMENT_WAITING_FOR_DEPOSIT;
    if (amount == 0)
        amount = balance;
    if (payment->status == PAYMENT_CANCELED)
        return refuse(call, 400, "ALREADY_CANCELED_PAYMENT", "The payment is canceled already.");
    if (is_paid(payment) && payment->card == NULL && !json_is_object(account))
        return refuse(call, 400, "INVALID_REFUND_ACCOUNT_INFO",
                      "Refunding a transfer needs refundReceiveAccount.");
    if ((waits ? amount != balance : !is_paid(payment)) ||
        json_array_size(json_object_get(payment->shown, "cancels")) == TOSS_CANCELS_MAX)
        return refuse(call, 403, "NOT_CANCELABLE_PAYMENT", "The payment cannot be canceled.");
    if (believed != 0 && believed != balance)
        return refuse(call, 400, "NOT_MATCHES_REFUNDABLE_AMOUNT",
                      "What is left of the payment is not what the request says.");
    if (amount > balance)
        return refuse(call, 403, "NOT_CANCELABLE_AMOUNT", "More than what is left of the payment.");
    give_back(call, payment, (int64_t)amount, reason.ptr);
    return true;
}
