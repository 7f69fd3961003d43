/* control.c: calls for tests: faults, the clock, the ledger, and what happens at a bank without
 * anybody calling the API (a refund that bounces, a dispute, a deposit). The latter go through the
 * desk like any other call, so they are journaled and come back after a restart. The private
 * listener has checked the token. */
#include "http/control.h"

#include "http/app.h"
#include "http/ledger.h"
#include "ops/op.h"
#include "stripe/stripe.h"
#include "toss/toss.h"

#include <stdlib.h>

enum { LEDGER_BYTES_MAX = 8 * 1024 * 1024, CONTROL_BODY_MAX = 8 * 1024 };

static void reply_json(struct http_req *req, unsigned status, struct span json)
{
    http_reply(req, &(struct http_reply){.status = status,
                                         .type = "application/json",
                                         .headers = SPAN("Cache-Control: no-store\r\n"),
                                         .body = json});
}

/* The only field of the body or the query, to be freed; NULL: the request has been answered. */
static struct form *read_form(struct http_req *req, struct span raw)
{
    struct form *form = malloc(sizeof(*form));
    struct err_slot err;
    if (form == NULL) {
        http_problem(req, 500, "out-of-memory", "There is no memory for this call.");
        return NULL;
    }
    form_clear(form);
    if (form_parse(form, raw, &err) == 0)
        return form;
    http_problem(req, 400, "bad-form", "%s", err.text);
    free(form);
    return NULL;
}

static void reply_faults(struct http_req *req, struct app *app, unsigned status)
{
    char memory[FAULT_RULES_MAX * 160];
    struct text out = text_on(memory, sizeof(memory));
    json_open(&out, '{');
    json_key(&out, "faults");
    fault_list_put(desk_faults(app->desk), &out);
    json_close(&out, '}');
    reply_json(req, status, text_span(&out));
}

static void on_faults_get(struct http_req *req)
{
    reply_faults(req, app_of(req), 200);
}

static void on_faults_post(struct http_req *req)
{
    struct app *app = app_of(req);
    struct form *form = read_form(req, http_req_body(req));
    if (form == NULL)
        return;
    struct span text = {0};
    struct err_slot err;
    if (!form_get(form, "fault", &text))
        http_problem(req, 400, "bad-fault", "fault=OPERATION:KIND[=VALUE][*COUNT] is missing");
    else if (fault_list_add(desk_faults(app->desk), text, &err) < 0)
        http_problem(req, err.code == ERR_FULL ? 429 : 400, "bad-fault", "%s", err.text);
    else
        reply_faults(req, app, 201);
    free(form);
}

static void on_faults_delete(struct http_req *req)
{
    struct app *app = app_of(req);
    desk_faults(app->desk)->len = 0;
    reply_faults(req, app, 200);
}

static void on_ledger(struct http_req *req)
{
    struct app *app = app_of(req);
    struct form *form = read_form(req, http_req_query(req));
    if (form == NULL)
        return;
    struct span by = {0};
    struct err_slot err;
    (void)form_get(form, "by", &by);
    char *memory = malloc(LEDGER_BYTES_MAX);
    struct text out = text_on(memory, memory != NULL ? LEDGER_BYTES_MAX : 0);
    int rc = ledger_put(desk_bank(app->desk), webhook_sender_stats(desk_webhooks(app->desk)), by,
                        &out, &err);
    if (rc < 0)
        http_problem(req, rc == ERR_NOMEM ? 500 : 400, "bad-ledger", "%s", err.text);
    else if (out.overflown)
        http_problem(req, 500, "too-long", "The ledger is longer than an answer may be.");
    else
        reply_json(req, 200, text_span(&out));
    free(memory);
    free(form);
}

static void on_clock(struct http_req *req)
{
    struct app *app = app_of(req);
    struct form *form = read_form(req, http_req_body(req));
    if (form == NULL)
        return;
    struct span text = {0};
    uint64_t seconds;
    if (!form_get(form, "advance_s", &text) || !span_u64(text, CLOCK_ADVANCE_S_MAX, &seconds)) {
        http_problem(req, 400, "bad-clock", "advance_s is a number from 0 to %d",
                     CLOCK_ADVANCE_S_MAX);
    } else {
        char memory[64];
        struct text out = text_on(memory, sizeof(memory));
        desk_advance(app->desk, seconds * 1000000);
        json_open(&out, '{');
        json_member_u64(&out, "now", desk_now_us(app->desk) / 1000000);
        json_close(&out, '}');
        reply_json(req, 200, text_span(&out));
    }
    free(form);
}

static void on_flush(struct http_req *req)
{
    webhook_sender_flush(desk_webhooks(app_of(req)->desk));
    reply_json(req, 200, SPAN("{}"));
}

/* ---- what happens at the bank by itself ---- */

static void on_happened(struct http_req *req, const struct desk_answer *answer, bool cut)
{
    (void)cut; /* set by faults, which only strike API calls */
    reply_json(req, answer->status, answer->body);
}

static void happen(struct http_req *req, const struct op *op)
{
    struct desk_order order = {
        .req = req, .op = op, .body = http_req_body(req), .on_answered = on_happened};
    desk_submit(app_of(req)->desk, &order);
}

static void on_toss_deposit(struct http_req *req)
{
    happen(req, op_running(toss_deposit));
}

static void on_refund_fail(struct http_req *req)
{
    happen(req, op_running(stripe_refund_fail));
}

static void on_dispute(struct http_req *req)
{
    happen(req, op_running(stripe_dispute));
}

int control_add_routes(struct http_router *router, struct err_slot *err)
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
        {HTTP_METHOD_POST, "/control/webhooks/flush", on_flush, NULL, CONTROL_BODY_MAX},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
