/* api.c: one handler for all routes of both APIs: it checks the key, turns path, query and body
 * into a call, and writes the result with the headers that each API's clients expect. The ops do
 * the work of a call; the entry applies its faults.
 *
 * The control API is for tests: faults, the clock, the totals, and what a bank does by itself (a
 * refund that bounces, a dispute, a deposit). The latter go through the entry like any other call,
 * so they are journaled and survive a restart. The private listener has checked the token. The
 * totals are computed from the objects each time: tests compare them with other systems' books, so
 * they must not be stored books themselves. */
#include "api.h"

#include "entry.h"
#include "must.h"
#include "stripe/stripe.h"
#include "toss.h"

#include <stdio.h>

enum { CONTROL_BODY_MAX = 8 * 1024 };

static const char content_type[] = "application/json";

/* ---- the two APIs ---- */

static void refuse(struct http_req *req, unsigned status, const char *toss_code, const char *words)
{
    const struct op *op = http_req_route_ctx(req);
    struct http_reply reply = {.status = status, .type = content_type};
    char memory[1024];
    struct text body = text_on(memory, sizeof(memory));
    calls_refuse(&body, op->flavour, status, toss_code, words);
    if (status == 401)
        reply.headers = SPAN("WWW-Authenticate: Basic\r\n");
    reply.body = text_span(&body);
    http_reply(req, &reply);
}

static void on_answered(struct http_req *req, const struct call *call, bool cut)
{
    char memory[1024];
    struct text headers = text_on(memory, sizeof(memory));
    struct span key = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (cut) { /* the header with the full length, but half of the body */
        size_t cap = 256 + call->body.len;
        char *half = must(malloc(cap));
        struct text bytes = text_on(half, cap);
        text_printf(&bytes, "HTTP/1.1 %u Cut\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                    call->status, content_type, call->body.len);
        text_add(&bytes, call->body.ptr, call->body.len / 2);
        http_reply_cut(req, text_span(&bytes), call->status);
        free(half);
        return;
    }
    if (call->request[0] != '\0')
        http_header_add(&headers, "Request-Id", span_of(call->request));
    if (key.len > 0)
        http_header_add(&headers, "Idempotency-Key", key);
    if (call->replayed)
        http_header_add(&headers, "Idempotent-Replayed", SPAN("true"));
    TEXT_LIT(&headers, "Cache-Control: no-cache, no-store\r\n");
    http_reply(req, &(struct http_reply){.status = call->status,
                                         .type = content_type,
                                         .headers = text_span(&headers),
                                         .body = call->body});
}

static void on_call(struct http_req *req)
{
    const struct op *op = http_req_route_ctx(req);
    struct entry *entry = entry_of(req);
    struct span basic = http_req_header(req, HTTP_HEADER_AUTHORIZATION);
    struct span key = http_req_header(req, HTTP_HEADER_IDEMPOTENCY_KEY);
    struct call call = {.op = op, .key = key};
    struct err_slot err;
    if (!span_eq_secret(basic, span_of(entry->basic)) &&
        (op->flavour == TOSS ||
         !span_eq_secret(http_req_bearer(req), secret_file_span(entry->key)))) {
        refuse(req, 401, NULL, NULL);
        return;
    }
    if (key.len > IDEM_KEY_BYTES_MAX || !span_is_visible(key)) {
        refuse(req, 400, "INVALID_IDEMPOTENCY_KEY",
               "Idempotency keys can have up to 255 characters.");
        return;
    }
    int rc = 0;
    if (op->flavour == TOSS && op->method == CALL_POST)
        rc = json_in_parse(http_req_body(req), &err, &call.in);
    else
        call.in = form_read(req, &err);
    if (rc == ERR_NOMEM) {
        refuse(req, 500, NULL, NULL);
        return;
    }
    if (call.in == NULL) {
        refuse(req, 400, "INVALID_REQUEST", err.text);
        return;
    }
    if (strchr(op->route, '{') != NULL)
        call.id = http_req_param(req, 0);
    if (call.id.len > FORM_KEY_MAX || !span_is_visible(call.id))
        call.id = SPAN("none"); /* no id is like this */
    entry_submit(entry, req, &call, on_answered);
}

int api_add_routes(struct http_router *router, struct err_slot *err)
{
    int rc = 0;
    for (unsigned i = 0; i < calls_len && rc == 0; i++) {
        const struct op *op = &calls_ops[i];
        struct http_route route = {op->method == CALL_GET ? HTTP_METHOD_GET : HTTP_METHOD_POST,
                                   op->route, on_call, (void *)(uintptr_t)op, FORM_BYTES_MAX};
        if (op->route[0] == '/')
            rc = http_router_add(router, &route, err);
    }
    return rc;
}

/* ---- the control API: faults and the clock ---- */

static void reply_json(struct http_req *req, unsigned status, struct span json)
{
    http_reply(req, &(struct http_reply){.status = status,
                                         .type = content_type,
                                         .headers = SPAN("Cache-Control: no-store\r\n"),
                                         .body = json});
}

static void reply_faults(struct http_req *req, unsigned status)
{
    char memory[FAULT_RULES_MAX * 160];
    struct text out = text_on(memory, sizeof(memory));
    json_open(&out, '{');
    json_key(&out, "faults");
    fault_put(&entry_of(req)->faults, &out);
    json_close(&out, '}');
    reply_json(req, status, text_span(&out));
}

static void add_faults(struct http_req *req, json_t *form)
{
    struct err_slot err;
    if (fault_add(&entry_of(req)->faults, json_in_text_of(form, "fault"), &err) < 0)
        http_problem(req, err.code == ERR_FULL ? 429 : 400, "bad-fault", "%s", err.text);
    else
        reply_faults(req, 201);
}

/* Lists the waiting faults; DELETE removes all of them. */
static void list_faults(struct http_req *req, json_t *form)
{
    (void)form;
    if (http_req_method(req) == HTTP_METHOD_DELETE)
        entry_of(req)->faults.len = 0;
    reply_faults(req, 200);
}

static void advance_clock(struct http_req *req, json_t *form)
{
    uint64_t seconds;
    if (span_u64(json_in_text_of(form, "advance_s"), CLOCK_ADVANCE_S_MAX, &seconds)) {
        entry_of(req)->offset_us += seconds * 1000000;
        reply_json(req, 200, SPAN("{}"));
    } else {
        http_problem(req, 400, "bad-clock", "advance_s is a number from 0 to %d",
                     CLOCK_ADVANCE_S_MAX);
    }
}

/* ---- the totals ---- */

/* Adds the intent to the member, which is an object of sums. */
static void add_intent(json_t *all, const char *member, const struct bank *bank,
                       const struct object *intent)
{
    int64_t received = bank_number(intent, "amount_received");
    const struct {
        const char *name;
        int64_t by;
    } adds[] = {
        {"intents", 1},
        {"captures", received > 0},
        {"authorized", bank_number(intent, "amount_capturable")},
        {"captured", received},
        {"refunded", received - stripe_refundable(bank, intent)},
    };
    json_t *sums = json_object_get(all, member);
    if (sums == NULL) {
        sums = must(json_object());
        json_object_set_new(all, member, sums);
    }
    for (unsigned i = 0; i < sizeof(adds) / sizeof(adds[0]); i++) {
        int64_t sum = json_integer_value(json_object_get(sums, adds[i].name)) + adds[i].by;
        json_object_set_new(sums, adds[i].name, json_integer(sum));
    }
}

/* Totals by currency, and one row for each value of the metadata key `by`. */
static void add_intents(json_t *ledger, const struct bank *bank, const char *by)
{
    const struct list *list = &bank->lists[INTENT];
    json_t *currencies = must(json_object()), *row_of = must(json_object()), *row;
    const char *value;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct object *intent = list->items[i];
        const json_t *metadata = json_object_get(intent->shown, "metadata");
        add_intent(currencies, bank_text(intent, "currency"), bank, intent);
        value = json_string_value(json_object_get(metadata, by));
        if (value != NULL)
            add_intent(row_of, value, bank, intent);
    }
    json_object_set_new(ledger, "currencies", currencies);
    json_t *rows = json_array();
    json_object_foreach(row_of, value, row)
    {
        json_object_set_new(row, "value", json_string(value));
        json_array_append(rows, row);
    }
    json_object_set_new(ledger, "rows", must(rows));
    json_decref(row_of);
}

static json_t *toss_sums(const struct bank *bank)
{
    const struct list *list = &bank->lists[PAYMENT];
    json_int_t confirms = 0, captured = 0, left = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct object *payment = list->items[i];
        if (bank_text(payment, "approvedAt") == NULL)
            continue;
        confirms++;
        captured += bank_number(payment, "totalAmount");
        left += bank_number(payment, "balanceAmount");
    }
    return json_pack("{s:I,s:I,s:I}", "confirms", confirms, "captured", captured, "refunded",
                     captured - left);
}

static void get_ledger(struct http_req *req, json_t *form)
{
    const struct entry *entry = entry_of(req);
    const struct webhooks_stats *stats = webhooks_stats(entry->webhooks);
    struct span by = json_in_text_of(form, "by");
    json_t *ledger = must(json_pack("{s:o,s:{s:I,s:I,s:I}}", "toss", toss_sums(entry->bank),
                                    "webhooks", "confirmed", (json_int_t)stats->confirmed,
                                    "given_up", (json_int_t)stats->given_up, "lost_on_command",
                                    (json_int_t)stats->lost_on_command));
    add_intents(ledger, entry->bank, by.ptr != NULL ? by.ptr : "");
    char *text = must(json_in_text(ledger, 0));
    reply_json(req, 200, span_of(text));
    free(text);
    json_decref(ledger);
}

/* ---- the control API: what happens at the bank by itself, and the routes ---- */

static const struct order {
    enum http_method method;
    const char *pattern;
    void (*handle)(struct http_req *req, json_t *form);
    const char *op; /* or handled by the entry with the form */
} orders[] = {
    {HTTP_METHOD_GET, "/control/faults", list_faults, NULL},
    {HTTP_METHOD_POST, "/control/faults", add_faults, NULL},
    {HTTP_METHOD_DELETE, "/control/faults", list_faults, NULL},
    {HTTP_METHOD_GET, "/control/ledger", get_ledger, NULL},
    {HTTP_METHOD_POST, "/control/clock", advance_clock, NULL},
    {HTTP_METHOD_POST, "/control/toss/deposit", NULL, "toss_deposit"},
    {HTTP_METHOD_POST, "/control/refunds/fail", NULL, "refund_fail"},
    {HTTP_METHOD_POST, "/control/disputes", NULL, "dispute"},
};

static void on_happened(struct http_req *req, const struct call *call, bool cut)
{
    (void)cut; /* set by faults, which only strike API calls */
    reply_json(req, call->status, call->body);
}

static void on_order(struct http_req *req)
{
    const struct order *order = http_req_route_ctx(req);
    struct err_slot err;
    json_t *form = form_read(req, &err);
    if (form == NULL) {
        http_problem(req, 400, "bad-form", "%s", err.text);
    } else if (order->op != NULL) {
        const struct call call = {.op = calls_op(order->op), .in = form};
        entry_submit(entry_of(req), req, &call, on_happened);
    } else {
        order->handle(req, form);
        json_decref(form);
    }
}

int api_add_control(struct http_router *router, struct err_slot *err)
{
    int rc = 0;
    for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]) && rc == 0; i++) {
        struct http_route route = {orders[i].method, orders[i].pattern, on_order,
                                   (void *)(uintptr_t)&orders[i], CONTROL_BODY_MAX};
        rc = http_router_add(router, &route, err);
    }
    return rc;
}
