/* toss_list.c: GET /v1/transactions: each capture and each refund is a transaction of its own,
 * listed in the order in which they happened. A page continues after the last key of the previous
 * one; the dates are Korean time without a zone, as Toss writes them in a query. */
#include "toss/toss.h"

#include "base/rfc3339.h"
#include "toss/toss_error.h"

#include <assert.h>
#include <stdlib.h>

struct list_query {
    uint64_t from_ms, until_ms;
    uint64_t limit;
    uint32_t place; /* where the page may start */
};

static bool read_date(const struct form *form, const char *name, uint64_t *ms)
{
    char memory[48];
    struct span date;
    struct text text = text_on(memory, sizeof(memory));
    if (!form_get(form, name, &date) || date.len > 23)
        return false;
    text_put(&text, date);
    TEXT_LIT(&text, "+09:00");
    return rfc3339_parse(text_span(&text), ms);
}

/* NULL, or the code of what is wrong. */
static const char *read_query(struct desk_call *at, struct list_query *out)
{
    struct form *form = &at->bank->form;
    struct span limit, after;
    struct err_slot err;
    *out = (struct list_query){.limit = TOSS_LIST_DEFAULT};
    if (form_parse(form, at->call->query, &err) < 0 ||
        !read_date(form, "startDate", &out->from_ms) ||
        !read_date(form, "endDate", &out->until_ms) || out->from_ms > out->until_ms)
        return "INVALID_DATE";
    if (form_get(form, "limit", &limit) &&
        (!span_u64(limit, TOSS_LIST_MAX, &out->limit) || out->limit == 0))
        return "INVALID_REQUEST";
    if (!form_get(form, "startingAfter", &after) || after.len == 0)
        return NULL;
    if (bank_find_transaction(at->bank, after, &out->place) == NULL)
        return "INVALID_TRANSACTION_KEY";
    out->place++;
    return NULL;
}

static void put_transaction(struct text *out, const struct transaction *transaction)
{
    const struct payment *payment = transaction->payment;
    json_open(out, '{');
    json_member_cstr(out, "mId", "sandbox");
    json_member_cstr(out, "transactionKey", transaction->key);
    json_member_cstr(out, "paymentKey", payment->key);
    json_member_cstr(out, "orderId", payment->order);
    json_member_cstr(out, "method", "카드");
    json_member_null(out, "customerKey");
    json_member_bool(out, "useEscrow", false);
    json_member_null(out, "receiptUrl");
    json_member_cstr(out, "status", toss_status_name(transaction->status));
    toss_put_time(out, "transactionAt", transaction->at_ms);
    json_member_cstr(out, "currency", "KRW");
    json_member_i64(out, "amount", transaction->amount);
    json_close(out, '}');
}

void toss_list(struct desk_call *at)
{
    struct list_query query;
    const struct list *list = &at->bank->transactions;
    const char *wrong = read_query(at, &query);
    if (wrong != NULL) {
        toss_fail(at, 400, wrong, "The query cannot be understood.");
        return;
    }
    uint64_t told = 0;
    json_open(at->out, '[');
    for (uint32_t place = query.place; place < list->count && told < query.limit; place++) {
        const struct transaction *transaction = list->items[place];
        if (transaction->at_ms < query.from_ms || transaction->at_ms > query.until_ms)
            continue;
        put_transaction(at->out, transaction);
        told++;
    }
    json_close(at->out, ']');
    at->answer->status = 200;
}
