/* toss.c: a payment begins when the buyer agrees in the window (IN_PROGRESS) and moves money when
 * the shop confirms it with the same order and amount. By virtual account, a confirm only opens the
 * account (WAITING_FOR_DEPOSIT, with the same 200); the money comes when the buyer has transferred
 * it, or never. Before its confirm a payment can be found by its own key but not by the order's id:
 * the documentation promises that only for confirmed ones. Its webhooks say no more than "read it
 * again". An attempt that nobody confirms in time is EXPIRED; that follows from the time alone, so
 * it is set when the payment is next looked at. */
#include "toss/toss.h"

#include "base/rfc3339.h"
#include "core/must.h"

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
    PAYMENT_WAITING_FOR_DEPOSIT, /* an account was opened, and nothing has come in yet */
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
    char text[TOSS_ORDER_ID_MAX + 1];
    return id.len >= 6 && span_to_cstr(id, text, sizeof(text)) && strspn(text, good) == id.len;
}

/* ---- errors ---- */

void toss_error_put(struct text *out, const char *code, const char *message)
{
    json_open(out, '{');
    json_member_cstr(out, "code", code);
    json_member_cstr(out, "message", message);
    json_close(out, '}');
}

void toss_fail(struct desk_call *at, unsigned status, const char *code, const char *message)
{
    *at->out = text_on(at->out->ptr, at->out->cap);
    toss_error_put(at->out, code, message);
    at->answer->status = status;
}

void toss_fail_status(struct desk_call *at, unsigned status)
{
    static const struct {
        unsigned status;
        const char *code, *message;
    } known[] = {
        {400, "PROVIDER_ERROR", "This is a temporary error. Try again in a few minutes."},
        {401, "UNAUTHORIZED_KEY", "The key is not known."},
        {403, "FORBIDDEN_REQUEST", "The request is not allowed."},
        {404, "NOT_FOUND_PAYMENT", "No such payment."},
        {429, "TOO_MANY_REQUESTS", "Too many requests. Try again later."},
        {0, "FAILED_INTERNAL_SYSTEM_PROCESSING", "The internal system failed. Try again later."},
    };
    size_t i = 0;
    while (known[i].status != status && known[i].status != 0)
        i++;
    toss_fail(at, status, known[i].code, known[i].message);
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

static void move(struct object *payment, enum payment_status to)
{
    assert((statuses[payment->status].next & 1u << to) != 0);
    payment->status = to;
    object_set_text(payment, "status", statuses[to].name);
    int64_t balance = object_number(payment, "balanceAmount");
    assert(balance >= 0 && balance <= object_number(payment, "totalAmount"));
    assert((balance == 0) == (to == PAYMENT_CANCELED));
}

/* The payment has just moved; this much was captured or refunded, 0: nothing. */
static void book(struct desk_call *at, struct object *payment, int64_t amount)
{
    char key[IDENT_MAX];
    ident_random(key, "txn_", at->rng);
    if (amount != 0) {
        json_t *shown = json_pack(
            "{s:s,s:n,s:s,s:s,s:s,s:n,s:b,s:n,s:s,s:o,s:s,s:I}", "mId", "sandbox", "transactionKey",
            "paymentKey", payment->id, "orderId", object_text(payment, "orderId"), "method", "카드",
            "customerKey", "useEscrow", 0, "receiptUrl", "status", statuses[payment->status].name,
            "transactionAt", time_json(at->now_s), "currency", "KRW", "amount", (json_int_t)amount);
        strcpy(key, bank_make(at, TRANSACTION, shown)->id);
    }
    object_set_text(payment, "lastTransactionKey", key);
}

static void expire_if_late(const struct desk_call *at, struct object *payment)
{
    if (payment->status == PAYMENT_IN_PROGRESS && at->now_s >= payment->created_s + TOSS_SESSION_S)
        move(payment, PAYMENT_EXPIRED);
}

static void answer_payment(struct desk_call *at, const struct object *payment)
{
    bank_put(at->out, at->bank, payment, NULL);
    at->answer->status = 200;
}

static void notify(struct desk_call *at, const struct object *payment)
{
    bank_notice(at, json_pack("{s:s,s:o,s:O}", "eventType", "PAYMENT_STATUS_CHANGED", "createdAt",
                              time_json(at->now_s), "data", payment->shown));
}

/* The payment with this key; NULL: the call has been answered. */
static struct object *find_payment(struct desk_call *at, struct span key)
{
    struct object *payment = bank_find(at->bank, PAYMENT, key);
    if (payment == NULL)
        toss_fail(at, 404, "NOT_FOUND_PAYMENT", "No such payment.");
    else
        expire_if_late(at, payment);
    return payment;
}

/* Of an order with several attempts the newest that was paid, otherwise the newest that was
 * confirmed; NULL: none yet. */
static struct object *of_order(const struct bank *bank, struct span order)
{
    struct object *paid = NULL, *confirmed = NULL;
    size_t i;
    json_t *key;
    json_array_foreach(json_object_getn(bank->orders, order.ptr, order.len), i, key)
    {
        struct object *payment = bank_find(bank, PAYMENT, span_of(json_string_value(key)));
        if (object_text(payment, "approvedAt") != NULL)
            paid = payment;
        if (payment->status != PAYMENT_IN_PROGRESS && payment->status != PAYMENT_EXPIRED)
            confirmed = payment;
    }
    return paid != NULL ? paid : confirmed;
}

/* ---- the window ---- */

static json_t *account_json(const struct desk_call *at)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:s,s:b,s:s,s:n}", "accountType", "일반",
                     "accountNumber", "X6505636518308", "bankCode", "20", "customerName", "박토스",
                     "dueDate", time_json(at->now_s + TOSS_DEPOSIT_S), "refundStatus", "NONE",
                     "expired", 0, "settlementStatus", "INCOMPLETED", "refundReceiveAccount");
}

static json_t *card_json(const struct card *card, int64_t amount)
{
    char number[32];
    snprintf(number, sizeof(number), "************%s", card_last4(card));
    return json_pack("{s:I,s:s,s:s,s:s,s:i,s:s,s:s}", "amount", (json_int_t)amount, "number",
                     number, "issuerCode", "61", "acquirerCode", "31", "installmentPlanMonths", 0,
                     "approveNo", "00000000", "cardType", "신용");
}

void toss_hosted(struct desk_call *at)
{
    const char *token, *order, *name;
    json_int_t amount;
    int rc = json_unpack(at->call->in, "{s:s,s:s,s:s,s:I}", "payment_method", &token, "orderId",
                         &order, "orderName", &name, "amount", &amount);
    assert(rc == 0); /* the window made it */
    const struct card *card = card_by_token(span_of(token));
    char secret[IDENT_MAX];
    ident_random(secret, "ps_", at->rng);
    json_t *shown = json_pack(
        "{s:s,s:s,s:n,s:s,s:s,s:s,s:s,s:o,s:n,s:n,s:s,s:s,s:I,s:I,s:o,s:o,s:s,s:n,s:n}", "mId",
        "sandbox", "version", "2022-11-16", "paymentKey", "type", "NORMAL", "orderId", order,
        "orderName", name, "status", statuses[PAYMENT_IN_PROGRESS].name, "requestedAt",
        time_json(at->now_s), "approvedAt", "lastTransactionKey", "currency", "KRW", "method",
        card != NULL ? "카드" : "가상계좌", "totalAmount", amount, "balanceAmount", amount, "card",
        card != NULL ? card_json(card, amount) : json_null(), "virtualAccount",
        card != NULL ? json_null() : account_json(at), "secret", secret, "cancels", "failure");
    struct object *payment = bank_make(at, PAYMENT, shown);
    payment->card = card;
    book(at, payment, 0);
    json_t *attempts = json_object_get(at->bank->orders, order);
    if (attempts == NULL) {
        attempts = must(json_array());
        json_object_set_new(at->bank->orders, order, attempts);
    }
    json_array_append_new(attempts, json_string(payment->id));
    at->answer->executed = true;
    at->answer->about = payment;
    answer_payment(at, payment);
}

/* ---- confirm ---- */

struct confirm {
    struct span key;
    struct span order;
    uint64_t amount;
};

static bool read_confirm(struct desk_call *at, struct confirm *in)
{
    struct err_slot err;
    struct json_in reader;
    json_in_object(&reader, at->call->in, &err);
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

static void take(struct desk_call *at, struct object *payment)
{
    move(payment, PAYMENT_DONE);
    book(at, payment, object_number(payment, "totalAmount"));
    object_set(payment, "approvedAt", time_json(at->now_s));
    notify(at, payment);
}

static void abort_payment(struct desk_call *at, struct object *payment)
{
    const struct card *card = payment->card;
    move(payment, PAYMENT_ABORTED);
    book(at, payment, 0);
    object_set(payment, "failure",
               json_pack("{s:s,s:s}", "code", card->toss_says, "message", card->says));
    at->bank->counts.declines++;
    notify(at, payment);
    toss_fail(at, 403, card->toss_says, card->says);
}

void toss_confirm(struct desk_call *at)
{
    struct confirm in = {.amount = 0};
    struct object *payment = read_confirm(at, &in) ? find_payment(at, in.key) : NULL;
    if (payment == NULL)
        return;
    if (!span_eq(in.order, span_of(object_text(payment, "orderId"))) ||
        (int64_t)in.amount != object_number(payment, "totalAmount")) {
        toss_fail(at, 400, "INVALID_REQUEST",
                  "The order or the amount is not the one that the buyer agreed to.");
        return;
    }
    at->answer->executed = true; /* from here on the answer is stored under the key */
    const struct object *other = of_order(at->bank, in.order);
    if (payment->status == PAYMENT_EXPIRED) {
        toss_fail(at, 404, "NOT_FOUND_PAYMENT_SESSION", "The payment session has expired.");
    } else if (payment->status != PAYMENT_IN_PROGRESS) {
        toss_fail(at, 400, "ALREADY_PROCESSED_PAYMENT", "The payment has been processed already.");
    } else if (other != NULL && is_paid(other)) {
        toss_fail(at, 400, "DUPLICATED_ORDER_ID", "The order has been paid already.");
    } else if (payment->card == NULL) {
        move(payment, PAYMENT_WAITING_FOR_DEPOSIT);
        book(at, payment, 0);
        notify(at, payment);
        answer_payment(at, payment);
    } else if (payment->card->code != NULL) {
        abort_payment(at, payment);
    } else {
        take(at, payment);
        answer_payment(at, payment);
    }
}

/* The extra webhook when the buyer has transferred the money; flat, as Toss writes it. */
static void notify_deposit(struct desk_call *at, const struct object *payment)
{
    bank_notice(at, json_pack("{s:o,s:O,s:O,s:O,s:O}", "createdAt", time_json(at->now_s), "secret",
                              json_object_get(payment->shown, "secret"), "status",
                              json_object_get(payment->shown, "status"), "transactionKey",
                              json_object_get(payment->shown, "lastTransactionKey"), "orderId",
                              json_object_get(payment->shown, "orderId")));
}

void toss_deposit(struct desk_call *at)
{
    struct object *payment = of_order(at->bank, form_get(at->call->in, "orderId"));
    if (payment == NULL || payment->status != PAYMENT_WAITING_FOR_DEPOSIT) {
        toss_fail(at, 409, "NOT_ACCEPTED", "The bank turns it away: no account waits for it.");
        return;
    }
    at->answer->executed = true;
    take(at, payment);
    notify_deposit(at, payment);
    answer_payment(at, payment);
}

/* ---- reading ---- */

void toss_get(struct desk_call *at)
{
    struct object *payment = find_payment(at, at->call->id);
    if (payment != NULL)
        answer_payment(at, payment);
}

void toss_get_order(struct desk_call *at)
{
    const struct object *payment = of_order(at->bank, at->call->id);
    if (payment != NULL)
        answer_payment(at, payment);
    else
        toss_fail(at, 404, "NOT_FOUND_PAYMENT", "No such payment.");
}

/* Korean time without a zone, as Toss writes dates in a query. */
static bool read_date(const struct desk_call *at, const char *name, uint64_t *s)
{
    char memory[48];
    uint64_t ms;
    struct span date = form_get(at->call->in, name);
    struct text text = text_on(memory, sizeof(memory));
    text_put(&text, date);
    TEXT_LIT(&text, "+09:00");
    if (date.len == 0 || text.overflown || !rfc3339_parse(text_span(&text), &ms))
        return false;
    *s = ms / 1000;
    return true;
}

/* Each capture and each refund is a transaction of its own, in the order in which they happened. A
 * page continues after the last key of the previous one. */
void toss_list(struct desk_call *at)
{
    const struct list *list = &at->bank->lists[TRANSACTION];
    uint64_t from_s, until_s, limit = TOSS_LIST_DEFAULT, count = 0;
    uint32_t place = 0;
    struct span limit_text = form_get(at->call->in, "limit");
    struct span after = form_get(at->call->in, "startingAfter");
    const char *wrong = NULL;
    if (!read_date(at, "startDate", &from_s) || !read_date(at, "endDate", &until_s) ||
        from_s > until_s)
        wrong = "INVALID_DATE";
    else if (limit_text.ptr != NULL && (!span_u64(limit_text, TOSS_LIST_MAX, &limit) || limit == 0))
        wrong = "INVALID_REQUEST";
    else if (after.len > 0 && (bank_find(at->bank, TRANSACTION, after) == NULL ||
                               !ident_place(after, kinds[TRANSACTION].prefix, &place)))
        wrong = "INVALID_TRANSACTION_KEY";
    if (wrong != NULL) {
        toss_fail(at, 400, wrong, "The query cannot be understood.");
        return;
    }
    json_open(at->out, '[');
    for (place += after.len > 0; place < list->count && count < limit; place++) {
        const struct object *transaction = list->items[place];
        if (transaction->created_s < from_s || transaction->created_s > until_s)
            continue;
        bank_put(at->out, at->bank, transaction, NULL);
        count++;
    }
    json_close(at->out, ']');
    at->answer->status = 200;
}

/* ---- cancel ---- */

struct cancel {
    struct span reason;
    uint64_t amount;  /* 0: all that is left */
    uint64_t balance; /* what the caller believes is left; 0: not given */
    bool has_account; /* the account for paying a transfer back is given */
};

static bool read_cancel(struct desk_call *at, struct cancel *in)
{
    struct err_slot err;
    struct json_in reader;
    json_in_object(&reader, at->call->in, &err);
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

static void give_back(struct desk_call *at, struct object *payment, const struct cancel *in,
                      int64_t amount)
{
    int64_t left = object_number(payment, "balanceAmount") - amount;
    bool moved = is_paid(payment);
    object_set_number(payment, "balanceAmount", left);
    move(payment, left == 0 ? PAYMENT_CANCELED : PAYMENT_PARTIAL_CANCELED);
    book(at, payment, moved ? amount : 0);
    if (!json_is_array(json_object_get(payment->shown, "cancels")))
        object_set(payment, "cancels", json_array());
    json_array_append_new(json_object_get(payment->shown, "cancels"),
                          json_pack("{s:O,s:s,s:o,s:I,s:I,s:s}", "transactionKey",
                                    json_object_get(payment->shown, "lastTransactionKey"),
                                    "cancelReason", in->reason.ptr, "canceledAt",
                                    time_json(at->now_s), "cancelAmount", (json_int_t)amount,
                                    "refundableAmount", (json_int_t)left, "cancelStatus", "DONE"));
    notify(at, payment);
    answer_payment(at, payment);
}

void toss_cancel(struct desk_call *at)
{
    struct cancel in = {.amount = 0};
    struct object *payment = find_payment(at, at->call->id);
    if (payment == NULL || !read_cancel(at, &in))
        return;
    int64_t balance = object_number(payment, "balanceAmount");
    int64_t amount = in.amount != 0 ? (int64_t)in.amount : balance;
    bool waits = payment->status == PAYMENT_WAITING_FOR_DEPOSIT;
    size_t cancels = json_array_size(json_object_get(payment->shown, "cancels"));
    at->answer->executed = true;
    if (payment->status == PAYMENT_CANCELED)
        toss_fail(at, 400, "ALREADY_CANCELED_PAYMENT", "The payment is canceled already.");
    else if (is_paid(payment) && payment->card == NULL && !in.has_account)
        toss_fail(at, 400, "INVALID_REFUND_ACCOUNT_INFO",
                  "Refunding a transfer needs refundReceiveAccount.");
    else if ((waits ? amount != balance : !is_paid(payment)) || cancels == TOSS_CANCELS_MAX)
        toss_fail(at, 403, "NOT_CANCELABLE_PAYMENT", "The payment cannot be canceled.");
    else if (in.balance != 0 && (int64_t)in.balance != balance)
        toss_fail(at, 400, "NOT_MATCHES_REFUNDABLE_AMOUNT",
                  "What is left of the payment is not what the request says.");
    else if (amount > balance)
        toss_fail(at, 403, "NOT_CANCELABLE_AMOUNT", "More than what is left of the payment.");
    else
        give_back(at, payment, &in, amount);
}
