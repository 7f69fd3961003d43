/* control.c: calls for tests: faults, the clock, the totals, and what happens at a bank without
 * anybody calling the API (a refund that bounces, a dispute, a deposit). The latter go through the
 * desk like any other call, so they are journaled and come back after a restart. The private
 * listener has checked the token.
 *
 * The totals are added up afresh from the objects: a test compares them with the books of others,
 * so they must not be books of their own. */
#include "http/app.h"

#include "core/must.h"
#include "ops/op.h"
#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/param.h"
#include "toss/toss.h"

enum { CONTROL_BODY_MAX = 8 * 1024 };

static void reply_json(struct http_req *req, unsigned status, struct span json)
{
    http_reply(req, &(struct http_reply){.status = status,
                                         .type = "application/json",
                                         .headers = SPAN("Cache-Control: no-store\r\n"),
                                         .body = json});
}

/* The fields of query and body, to be released; NULL: the request has been answered. */
static json_t *read_form(struct http_req *req)
{
    struct err_slot err;
    json_t *form = form_read(req, &err);
    if (form == NULL)
        http_problem(req, 400, "bad-form", "%s", err.text);
    return form;
}

static void reply_faults(struct http_req *req, unsigned status)
{
    char memory[FAULT_RULES_MAX * 160];
    struct text out = text_on(memory, sizeof(memory));
    json_open(&out, '{');
    json_key(&out, "faults");
    fault_list_put(desk_faults(app_of(req)->desk), &out);
    json_close(&out, '}');
    reply_json(req, status, text_span(&out));
}

static void on_faults_get(struct http_req *req)
{
    reply_faults(req, 200);
}

static void on_faults_post(struct http_req *req)
{
    struct err_slot err;
    json_t *form = read_form(req);
    if (form == NULL)
        return;
    struct span text = form_get(form, "fault");
    if (text.ptr == NULL)
        http_problem(req, 400, "bad-fault", "fault=OPERATION:KIND[=VALUE][*COUNT] is missing");
    else if (fault_list_add(desk_faults(app_of(req)->desk), text, &err) < 0)
        http_problem(req, err.code == ERR_FULL ? 429 : 400, "bad-fault", "%s", err.text);
    else
        reply_faults(req, 201);
    json_decref(form);
}

static void on_faults_delete(struct http_req *req)
{
    desk_faults(app_of(req)->desk)->len = 0;
    reply_faults(req, 200);
}

static void on_clock(struct http_req *req)
{
    struct desk *desk = app_of(req)->desk;
    uint64_t seconds;
    json_t *form = read_form(req);
    if (form == NULL)
        return;
    if (!span_u64(form_get(form, "advance_s"), CLOCK_ADVANCE_S_MAX, &seconds)) {
        http_problem(req, 400, "bad-clock", "advance_s is a number from 0 to %d",
                     CLOCK_ADVANCE_S_MAX);
    } else {
        char memory[64];
        struct text out = text_on(memory, sizeof(memory));
        desk_advance(desk, seconds * 1000000);
        json_open(&out, '{');
        json_member_u64(&out, "now", desk_now_us(desk) / 1000000);
        json_close(&out, '}');
        reply_json(req, 200, text_span(&out));
    }
    json_decref(form);
}

/* ---- the totals ---- */

static void add_to(json_t *sums, const char *name, int64_t by)
{
    int64_t sum = json_integer_value(json_object_get(sums, name)) + by;
    json_object_set_new(sums, name, json_integer(sum));
}

/* The member, which is an object of sums. */
static json_t *sums_of(json_t *object, const char *name)
{
    json_t *sums = json_object_get(object, name);
    if (sums == NULL) {
        sums = must(json_object());
        json_object_set_new(object, name, sums);
    }
    return sums;
}

static void add_intent(json_t *sums, const struct bank *bank, const struct object *intent)
{
    int64_t received = object_number(intent, "amount_received");
    add_to(sums, "intents", 1);
    add_to(sums, "captures", received > 0);
    add_to(sums, "authorized", object_number(intent, "amount_capturable"));
    add_to(sums, "captured", received);
    add_to(sums, "refunded", received - pay_refundable(bank, intent));
}

static void add_intents(json_t *ledger, const struct bank *bank)
{
    const struct list *list = &bank->lists[INTENT];
    json_t *states = sums_of(ledger, "intents"), *currencies = sums_of(ledger, "currencies");
    add_to(states, "total", list->count);
    for (unsigned i = 0; intent_statuses[i] != NULL; i++)
        add_to(states, intent_statuses[i], 0);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct object *intent = list->items[i];
        add_to(states, object_text(intent, "status"), 1);
        add_intent(sums_of(currencies, object_text(intent, "currency")), bank, intent);
    }
}

static void add_payments(json_t *ledger, const struct bank *bank)
{
    const struct list *list = &bank->lists[PAYMENT];
    json_t *toss = sums_of(ledger, "toss");
    int64_t confirms = 0, captured = 0, left = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct object *payment = list->items[i];
        if (object_text(payment, "approvedAt") == NULL)
            continue;
        confirms++;
        captured += object_number(payment, "totalAmount");
        left += object_number(payment, "balanceAmount");
    }
    add_to(toss, "payments", list->count);
    add_to(toss, "confirms", confirms);
    add_to(toss, "captured", captured);
    add_to(toss, "refunded", captured - left);
}

static void add_counts(json_t *ledger, const struct bank *bank,
                       const struct webhook_sender_stats *webhooks)
{
    const struct bank_counts *counts = &bank->counts;
    json_object_set_new(
        ledger, "counts",
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "calls", (json_int_t)counts->calls, "replays",
                  (json_int_t)counts->replays, "captures", (json_int_t)counts->captures, "refunds",
                  (json_int_t)counts->refunds, "declines", (json_int_t)counts->declines, "charges",
                  (json_int_t)bank->lists[CHARGE].count, "events",
                  (json_int_t)bank->lists[EVENT].count));
    json_object_set_new(
        ledger, "webhooks",
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "attempts", (json_int_t)webhooks->attempts,
                  "confirmed", (json_int_t)webhooks->confirmed, "retries",
                  (json_int_t)webhooks->retries, "given_up", (json_int_t)webhooks->given_up,
                  "lost_on_command", (json_int_t)webhooks->faulted, "overflow",
                  (json_int_t)webhooks->overflow, "waiting", (json_int_t)webhooks->waiting));
}

/* One row for each value of that metadata key. */
static void add_rows(json_t *ledger, const struct bank *bank, const char *key)
{
    const struct list *list = &bank->lists[INTENT];
    json_t *by = must(json_object()), *rows = must(json_array());
    bool truncated = false;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct object *intent = list->items[i];
        const char *value = object_meta(intent, key);
        if (value == NULL)
            continue;
        json_t *row = json_object_get(by, value);
        if (row == NULL && json_array_size(rows) == LEDGER_ROWS_MAX) {
            truncated = true;
            continue;
        }
        if (row == NULL) {
            row = sums_of(by, value);
            json_object_set_new(row, "value", json_string(value));
            json_array_append(rows, row);
        }
        add_intent(row, bank, intent);
    }
    json_decref(by);
    json_object_set_new(ledger, "rows", rows);
    json_object_set_new(ledger, "truncated", json_boolean(truncated));
}

static void on_ledger(struct http_req *req)
{
    struct desk *desk = app_of(req)->desk;
    const struct bank *bank = desk_bank(desk);
    json_t *form = read_form(req);
    if (form == NULL)
        return;
    json_t *ledger = must(json_object());
    add_intents(ledger, bank);
    add_payments(ledger, bank);
    add_counts(ledger, bank, webhook_sender_stats(desk_webhooks(desk)));
    if (form_get(form, "by").len > 0)
        add_rows(ledger, bank, form_get(form, "by").ptr);
    char *text = must(json_in_text(ledger, 0));
    reply_json(req, 200, span_of(text));
    free(text);
    json_decref(ledger);
    json_decref(form);
}

/* ---- what happens at the bank by itself ---- */

static void on_happened(struct http_req *req, const struct answer *answer, bool cut)
{
    (void)cut; /* set by faults, which only strike API calls */
    reply_json(req, answer->status, answer->body);
}

static void submit(struct http_req *req, void (*run)(struct desk_call *at))
{
    struct desk_order order = {
        .req = req, .op = op_running(run), .in = read_form(req), .on_answered = on_happened};
    if (order.in != NULL)
        desk_submit(app_of(req)->desk, &order);
}

static void on_toss_deposit(struct http_req *req)
{
    submit(req, toss_deposit);
}

static void on_refund_fail(struct http_req *req)
{
    submit(req, stripe_refund_fail);
}

static void on_dispute(struct http_req *req)
{
    submit(req, stripe_dispute);
}

int app_add_control(struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_GET, "/control/faults", on_faults_get, NULL, 0},
        {HTTP_METHOD_POST, "/control/faults", on_faults_post, NULL, CONTROL_BODY_MAX},
        {HTTP_METHOD_DELETE, "/control/faults", on_faults_delete, NULL, 0},
        {HTTP_METHOD_GET, "/control/ledger", on_ledger, NULL, 0},
        {HTTP_METHOD_POST, "/control/clock", on_clock, NULL, CONTROL_BODY_MAX},
        {HTTP_METHOD_POST, "/control/toss/deposit", on_toss_deposit, NULL, CONTROL_BODY_MAX},
        {HTTP_METHOD_POST, "/control/refunds/fail", on_refund_fail, NULL, CONTROL_BODY_MAX},
        {HTTP_METHOD_POST, "/control/disputes", on_dispute, NULL, CONTROL_BODY_MAX},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
