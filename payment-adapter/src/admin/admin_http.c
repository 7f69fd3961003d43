/* admin_http.c: the operator's view, on the private listener: sagas with their timelines, retry and
 * compensate with a recorded reason, and the results of reconciliation. */
#include "admin/routes.h"

#include "api/guard.h"
#include "base/grow.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "observe/log.h"
#include "pay_limits.h"
#include "saga/reconcile.h"
#include "service/persons.h"
#include "store/statements.h"

#include <assert.h>

enum {
    ADMIN_BODY_MAX = 1024 * 1024,
    LIST_MAX = 200,
    LIST_DEFAULT = 50,
    REASON_MAX = DRIFT_REASON_MAX,
    ACT_TRIES = 5, /* a running saga may move on between reading it and acting on it */
};

struct visit {
    uint32_t magic;
    struct http_req *req;
    struct pay *pay;
    uint64_t id, most; /* most: of a list */
    char reason[REASON_MAX + 1];
    char who[PERSONS_NAME_BYTES_MAX + 1]; /* "": a token without a name */
    bool compensate;
    unsigned tries;
};

MAGIC(visit, 0x3a70000c);

static const char *step_name(const struct saga_def *def, uint64_t step)
{
    return def != NULL && step < def->steps_len ? def->steps[step]->name : "?";
}

/* Leaves the object open. */
static void put_saga(struct text *text, const struct pay *pay, const struct sql_saga_row *row)
{
    const struct saga_def *def = checkout_find(pay->checkout, row->key);
    bool back = row->state == SAGA_UNDOING || row->state == SAGA_UNDONE;
    json_open(text, '{');
    json_member_u64(text, "saga", row->id);
    json_member_str(text, "definition", row->key);
    json_member_str(text, "order", row->order_id);
    json_member_cstr(text, "state",
                     row->parked                     ? "parked"
                     : row->state < SAGA_STATE_COUNT ? saga_state_name(row->state)
                                                     : "?");
    json_member_cstr(text, "way", back ? "undo" : "do");
    json_member_cstr(text, "step", step_name(def, row->step));
    json_member_some(text, "cause", row->cause);
    json_member_u64(text, "tries", row->tries);
    json_member_u64(text, "moves", row->moves);
    json_member_str(text, "started_at", row->started_at);
    json_member_str(text, "step_since", row->step_at);
    if (row->ended_at.ptr != NULL)
        json_member_str(text, "ended_at", row->ended_at);
    else if (!row->parked)
        json_member_str(text, row->leased ? "leased_until" : "next_try_at", row->due_at);
    json_member_bool(text, "cancel", row->cancel);
    json_member_str(text, "trace", row->trace);
}

static void on_list(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    if (!guard_answer(visit->req, answer))
        return;
    char *memory = guard_room(visit->req, ADMIN_BODY_MAX);
    if (memory == NULL)
        return;
    struct text body = text_on(memory, ADMIN_BODY_MAX);
    uint64_t last = 0, len = (uint64_t)PQntuples(answer->results[0]);
    json_open(&body, '{');
    json_member_open(&body, "sagas", '[');
    for (uint64_t i = 0; i < len && i < visit->most; i++) {
        const struct sql_saga_row row = sql_saga_row(answer->results[0], (int)i);
        put_saga(&body, visit->pay, &row);
        json_close(&body, '}');
        last = row.id;
    }
    json_close(&body, ']');
    if (len > visit->most)
        json_member_u64(&body, "before", last);
    json_close(&body, '}');
    guard_reply(visit->req, 200, &body, SPAN(""));
}

static struct visit *visit_begin(struct http_req *req)
{
    struct visit *visit = guard_room(req, sizeof(*visit));
    if (visit == NULL)
        return NULL;
    MAGIC_BEGIN(visit, visit);
    visit->req = req;
    visit->pay = pay_of(req);
    return visit;
}

/* `order` NULL: all orders. */
static void list(struct http_req *req, const char *order)
{
    struct span state = http_req_query_arg(req, SPAN("state"));
    struct span before = http_req_query_arg(req, SPAN("before"));
    struct span limit = http_req_query_arg(req, SPAN("limit"));
    char state_text[8] = "open";
    uint64_t most = LIST_DEFAULT, last = 0;
    bool good =
        state.len == 0 || (span_to_cstr(state, state_text, sizeof(state_text)) &&
                           (strcmp(state_text, "open") == 0 || strcmp(state_text, "parked") == 0 ||
                            strcmp(state_text, "all") == 0));
    good = good && (before.len == 0 || span_u64(before, INT64_MAX, &last));
    good = good && (limit.len == 0 || (span_u64(limit, LIST_MAX, &most) && most > 0));
    if (!good) {
        refusal_say(req, REFUSAL_REQUEST,
                    "state is open, parked or all; limit is 1 to %d; before is a saga's number.",
                    LIST_MAX);
        return;
    }
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    visit->most = most;
    const struct sql_saga_list_args args = {.which = state_text,
                                            .order = order,
                                            .has_before = before.len > 0,
                                            .before = last,
                                            .most = most + 1}; /* is there another page? */
    sql_saga_list(visit->pay->pg, &args, on_list, visit);
}

static void on_get_list(struct http_req *req)
{
    struct span order = http_req_query_arg(req, SPAN("order"));
    if (order.len > 0)
        guard_order(req, order, list);
    else
        list(req, NULL);
}

/* ---- one ---- */

static void on_one(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    if (!guard_row(visit->req, answer, 0, REFUSAL_SAGA_UNKNOWN))
        return;
    char *memory = guard_room(visit->req, ADMIN_BODY_MAX);
    if (memory == NULL)
        return;
    const PGresult *steps = answer->results[1];
    const struct sql_saga_read_row row = sql_saga_read_row(answer->results[0], 0);
    const struct saga_def *def = checkout_find(visit->pay->checkout, row.saga.key);
    struct text body = text_on(memory, ADMIN_BODY_MAX);
    put_saga(&body, visit->pay, &row.saga);
    json_member_raw(&body, "data", row.data);
    if (def != NULL) {
        /* All steps of the saga's own definition, in sequence. */
        json_member_open(&body, "steps", '[');
        for (uint8_t i = 0; i < def->steps_len; i++)
            json_str(&body, span_of(def->steps[i]->name));
        json_close(&body, ']');
        json_member_cstr(&body, "pivot", def->steps[def->pivot]->name);
    }
    json_member_open(&body, "timeline", '[');
    for (int i = 0; i < PQntuples(steps); i++) {
        const struct sql_saga_steps_row step = sql_saga_steps_row(steps, i);
        json_open(&body, '{');
        json_member_cstr(&body, "step", step_name(def, step.step));
        json_member_cstr(&body, "way", step.undo ? "undo" : "do");
        json_member_cstr(&body, "result",
                         step.mark < SAGA_MARK_COUNT ? saga_mark_name(step.mark) : "?");
        json_member_u64(&body, "try", step.tried);
        json_member_u64(&body, "took_us", step.took_us);
        json_member_some(&body, "code", step.code);
        json_member_some(&body, "detail", step.detail);
        if (step.who.ptr != NULL)
            json_member_str(&body, "who", step.who);
        json_member_str(&body, "at", step.at);
        json_close(&body, '}');
    }
    json_close(&body, ']');
    json_close(&body, '}');
    guard_reply(visit->req, 200, &body, SPAN(""));
}

static bool take_id(struct visit *visit)
{
    if (span_u64(http_req_param(visit->req, 0), INT64_MAX, &visit->id))
        return true;
    refusal_reply(visit->req, REFUSAL_SAGA_UNKNOWN);
    return false;
}

static void read_one(struct visit *visit, pg_on_done *on_done)
{
    struct pg_job *job = pg_job_create(visit->pay->pg, on_done, visit);
    sql_saga_read_add(job, &(struct sql_saga_read_args){.id = visit->id});
    sql_saga_steps_add(job, &(struct sql_saga_steps_args){.saga = visit->id});
    pg_job_send(job);
}

static void on_get_one(struct http_req *req)
{
    struct visit *visit = visit_begin(req);
    if (visit != NULL && take_id(visit))
        read_one(visit, on_one);
}

/* ---- retry and compensate ---- */

static void on_read_to_act(void *ctx, const struct pg_answer *answer);

static void on_acted(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (answer->rc == 0 && PQntuples(answer->results[0]) == 0 && ++visit->tries < ACT_TRIES) {
        read_one(visit, on_read_to_act); /* it has moved since we read it */
        return;
    }
    if (!guard_row(visit->req, answer, 0,
                   visit->compensate ? REFUSAL_SAGA_BELOW_PIVOT : REFUSAL_SAGA_ENDED))
        return;
    struct log_line line;
    log_begin(&line, visit->pay->loop->log, LOG_LEVEL_WARN,
              visit->compensate ? "operator compensates a saga" : "operator retries a saga");
    log_u64(&line, "saga", visit->id);
    log_cstr(&line, "reason", visit->reason);
    log_end(&line);
    worker_nudge(visit->pay->worker);
    read_one(visit, on_one);
}

static void on_read_to_act(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (!guard_row(visit->req, answer, 0, REFUSAL_SAGA_UNKNOWN))
        return;
    const char *who = visit->who[0] != '\0' ? visit->who : NULL;
    const struct sql_saga_row saga = sql_saga_read_row(answer->results[0], 0).saga;
    const struct saga_def *def = checkout_find(visit->pay->checkout, saga.key);
    uint8_t step = (uint8_t)saga.step;
    if (def == NULL || saga.state >= SAGA_STATE_COUNT || step >= def->steps_len) {
        refusal_reply(visit->req, REFUSAL_SAGA_FOREIGN);
        return;
    }
    if (!visit->compensate) {
        char cause[SAGA_CODE_MAX] = "";
        span_to_cstr(saga.cause, cause, sizeof(cause));
        const struct sql_saga_retry_args args = {
            .id = visit->id,
            .reason = visit->reason,
            .who = who,
            .status = checkout_status(def, saga.state, step, false, cause),
            .moves = saga.moves};
        sql_saga_retry(visit->pay->pg, &args, on_acted, visit);
        return;
    }
    if (checkout_gives_up(def, step)) {
        const struct sql_saga_give_up_args args = {
            .id = visit->id, .reason = visit->reason, .who = who, .moves = saga.moves};
        sql_saga_give_up(visit->pay->pg, &args, on_acted, visit);
        return;
    }
    int from = step <= def->pivot ? saga_undo_step(def, step) : -1;
    if (from < 0 || checkout_kind(def) != CHECKOUT_SALE) {
        refusal_reply(visit->req, REFUSAL_SAGA_BELOW_PIVOT);
        return;
    }
    const struct sql_saga_compensate_args args = {.id = visit->id,
                                                  .reason = visit->reason,
                                                  .who = who,
                                                  .undo = (uint16_t)from,
                                                  .pivot = def->pivot,
                                                  .key = def->key,
                                                  .moves = saga.moves};
    sql_saga_compensate(visit->pay->pg, &args, on_acted, visit);
}

static void on_act(struct http_req *req)
{
    char reason[REASON_MAX + 1];
    struct visit *visit = guard_reason(req, reason, sizeof(reason)) ? visit_begin(req) : NULL;
    if (visit == NULL)
        return;
    visit->compensate = http_req_route_ctx(req) != NULL;
    memcpy(visit->reason, reason, sizeof(reason));
    const char *who = guard_who(req);
    if (who != NULL)
        span_to_cstr(span_of(who), visit->who, sizeof(visit->who));
    if (take_id(visit))
        read_one(visit, on_read_to_act);
}

/* ---- messages to the shop, and mails, that were given up ---- */

static void on_given_up(void *ctx, const struct pg_answer *answer)
{
    guard_doc(ctx, 200, answer, REFUSAL_MAIL_UNKNOWN);
}

static void on_get_letters(struct http_req *req)
{
    const struct sql_outbox_given_up_args args = {OUTBOX_SHOP, "letter", OUTBOX_LIST_MAX};
    sql_outbox_given_up(pay_of(req)->pg, &args, on_given_up, req);
}

static void on_get_mails(struct http_req *req)
{
    const struct sql_outbox_given_up_args args = {OUTBOX_MAIL, "mail", OUTBOX_LIST_MAX};
    sql_outbox_given_up(pay_of(req)->pg, &args, on_given_up, req);
}

static void on_letter_let_go(void *ctx, const struct pg_answer *answer)
{
    guard_doc(ctx, 200, answer, REFUSAL_LETTER_UNKNOWN);
}

static void on_retry_letter(struct http_req *req)
{
    uint64_t id;
    if (!span_u64(http_req_param(req, 0), INT64_MAX, &id)) {
        refusal_reply(req, REFUSAL_LETTER_UNKNOWN);
        return;
    }
    struct log_line line;
    log_begin(&line, pay_of(req)->loop->log, LOG_LEVEL_WARN, "operator retries a letter");
    log_u64(&line, "letter", id);
    log_end(&line);
    sql_shop_retry(pay_of(req)->pg, &(struct sql_shop_retry_args){id, guard_who(req)},
                   on_letter_let_go, req);
}

static void on_retry_mail(struct http_req *req)
{
    struct span which = http_req_param(req, 0);
    bool all = span_eq(which, SPAN("all"));
    uint64_t id = 0;
    if (!all && !span_u64(which, INT64_MAX, &id)) {
        refusal_reply(req, REFUSAL_MAIL_UNKNOWN);
        return;
    }
    struct log_line line;
    log_begin(&line, pay_of(req)->loop->log, LOG_LEVEL_WARN, "operator sends mails again");
    log_u64(&line, "mail", id);
    log_end(&line);
    const struct sql_mail_retry_args args = {
        .first = id, .last = all ? INT64_MAX : id, .most = OUTBOX_LIST_MAX, .who = guard_who(req)};
    sql_mail_retry(pay_of(req)->pg, &args, on_given_up, req);
}

/* ---- what was sold ---- */

struct lines {
    struct service_job job;
    struct http_req *req;
    PGresult *rows;
    struct http_blob *blob;
    bool first; /* page */
};

/* Runs off the loop: for large orders a page has megabytes. */
static void put_lines(void *ctx)
{
    static const char head[] = "order,status,created_at,currency,place,standing,category,price,"
                               "count,fee,vat_basis_points,vat,purchase,refunded,refunded_vat\r\n";
    struct lines *lines = ctx;
    struct grow csv = {.ptr = NULL};
    if (lines->first)
        grow_add(&csv, span_of(head));
    for (int i = 0; i < PQntuples(lines->rows) && i < ORDER_LINES_PAGE; i++)
        grow_add(&csv, sql_order_lines_row(lines->rows, i).csv);
    if (!csv.failed)
        lines->blob = http_blob_create((struct span){csv.ptr, csv.len});
    grow_free(&csv);
}

/* One order more than a page shows that there is another page. All pages together are one file. */
static void on_lines_put(void *ctx)
{
    const struct lines *lines = ctx;
    struct http_blob *blob = lines->blob;
    char event[ORDER_EVENT_MAX], memory[256];
    struct text headers = text_on(memory, sizeof(memory));
    if (PQntuples(lines->rows) > ORDER_LINES_PAGE &&
        span_to_cstr(http_req_param(lines->req, 0), event, sizeof(event))) {
        struct span last = sql_order_lines_row(lines->rows, ORDER_LINES_PAGE - 1).order_id;
        text_printf(&headers, "Link: </admin/events/%s/lines?after=%.*s>; rel=\"next\"\r\n", event,
                    (int)last.len, last.ptr);
    }
    assert(!headers.overflown);
    PQclear(lines->rows);
    if (blob == NULL)
        guard_unavailable(lines->req, ERR_NOMEM);
    else
        http_reply(lines->req, &(struct http_reply){.status = 200,
                                                    .type = "text/csv; charset=utf-8",
                                                    .headers = text_span(&headers),
                                                    .blob = blob});
    http_blob_unref(blob);
}

static void on_lines(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    struct lines *lines = guard_answer(req, answer) ? guard_room(req, sizeof(*lines)) : NULL;
    if (lines == NULL)
        return;
    lines->req = req;
    lines->first = http_req_query_arg(req, SPAN("after")).len == 0;
    lines->rows = answer->results[0];
    answer->results[0] = NULL;
    lines->job = (struct service_job){
        .loop = service_loop_of(req), .run = put_lines, .then = on_lines_put, .ctx = lines};
    service_run(&lines->job);
}

static void on_get_lines(struct http_req *req)
{
    char event[ORDER_EVENT_MAX], after[ORDER_ID_MAX];
    struct span from = http_req_query_arg(req, SPAN("after"));
    if (!guard_id(req, 0, event, sizeof(event)))
        return;
    if (!span_to_cstr(from, after, sizeof(after))) {
        refusal_say(req, REFUSAL_REQUEST, "after is an order of the page before.");
        return;
    }
    struct pay *pay = pay_of(req);
    const struct sql_order_lines_args args = {event, after, checkout_pivots(pay->checkout),
                                              ORDER_LINES_PAGE + 1};
    sql_order_lines(pay->pg, &args, on_lines, req);
}

static void on_counts(void *ctx, const struct pg_answer *answer)
{
    guard_doc(ctx, 200, answer, REFUSAL_NOT_FOUND);
}

/* The series that saga/order_series.c keeps. */
static void on_get_counts(struct http_req *req)
{
    char event[ORDER_EVENT_MAX];
    if (guard_id(req, 0, event, sizeof(event)))
        sql_counted(pay_of(req)->pg, &(struct sql_counted_args){event, COUNTS_POINTS_MAX},
                    on_counts, req);
}

/* ---- reconciliation ---- */

static void on_report(void *ctx, const struct pg_answer *answer)
{
    if (!guard_answer(ctx, answer))
        return;
    const struct sql_reconcile_report_row row = sql_reconcile_report_row(answer->results[0], 0);
    http_reply(ctx,
               &(struct http_reply){.status = 200, .type = "application/json", .body = row.report});
}

static void on_get_reconcile(struct http_req *req)
{
    sql_reconcile_report(pay_of(req)->pg, on_report, req);
}

static void on_reconciled(void *ctx, int rc)
{
    if (rc == 0)
        on_get_reconcile(ctx);
    else if (rc == ERR_STATE)
        refusal_reply(ctx, REFUSAL_COMPARING);
    else
        guard_unavailable(ctx, rc);
}

static void on_reconcile(struct http_req *req)
{
    int rc = reconcile_now(pay_of(req)->reconcile, on_reconciled, req);
    if (rc < 0)
        on_reconciled(req, rc);
}

static void on_difference_taken(void *ctx, const struct pg_answer *answer)
{
    guard_done(ctx, answer, REFUSAL_DIFFERENCE_UNKNOWN);
}

static void on_accept(struct http_req *req)
{
    char name[DRIFT_NAME_LEN + 1], reason[REASON_MAX + 1];
    if (guard_id(req, 0, name, sizeof(name)) && guard_reason(req, reason, sizeof(reason)))
        sql_reconcile_accept(pay_of(req)->pg,
                             &(struct sql_reconcile_accept_args){name, reason, guard_who(req)},
                             on_difference_taken, req);
}

static void on_withdraw(struct http_req *req)
{
    char name[DRIFT_NAME_LEN + 1], reason[REASON_MAX + 1];
    if (guard_id(req, 0, name, sizeof(name)) && guard_reason(req, reason, sizeof(reason)))
        sql_reconcile_withdraw(pay_of(req)->pg,
                               &(struct sql_reconcile_withdraw_args){name, reason, guard_who(req)},
                               on_difference_taken, req);
}

/* ---- tickets of ended orders ---- */

static void on_tickets_revoked(void *ctx, const struct pg_answer *answer)
{
    guard_done(ctx, answer, REFUSAL_TICKETS_UNKNOWN);
}

static void revoke_tickets(struct http_req *req, const char *order)
{
    char reason[REASON_MAX + 1];
    if (guard_reason(req, reason, sizeof(reason)))
        sql_tickets_revoke(pay_of(req)->pg,
                           &(struct sql_tickets_revoke_args){order, reason, guard_who(req)},
                           on_tickets_revoked, req);
}

static void on_revoke_tickets(struct http_req *req)
{
    guard_order(req, http_req_param(req, 0), revoke_tickets);
}

static char compensates; /* set for the compensate route, not for retry */
const struct http_route admin_routes[] = {
    {HTTP_METHOD_GET, "/admin/sagas", on_get_list, NULL, 0},
    {HTTP_METHOD_GET, "/admin/sagas/{id}", on_get_one, NULL, 0},
    {HTTP_METHOD_POST, "/admin/sagas/{id}/retry", on_act, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/admin/sagas/{id}/compensate", on_act, &compensates, BODY_SMALL_MAX},
    {HTTP_METHOD_GET, "/admin/letters", on_get_letters, NULL, 0},
    {HTTP_METHOD_POST, "/admin/letters/{id}/retry", on_retry_letter, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_GET, "/admin/mails", on_get_mails, NULL, 0},
    {HTTP_METHOD_POST, "/admin/mails/{id}/retry", on_retry_mail, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_GET, "/admin/events/{event}/lines", on_get_lines, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/counts", on_get_counts, NULL, 0},
    {HTTP_METHOD_GET, "/admin/reconcile", on_get_reconcile, NULL, 0},
    {HTTP_METHOD_POST, "/admin/reconcile", on_reconcile, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/admin/reconcile/{difference}/accept", on_accept, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/admin/reconcile/{difference}/withdraw", on_withdraw, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/admin/orders/{order}/revoke-tickets", on_revoke_tickets, NULL,
     BODY_SMALL_MAX},
    {.pattern = NULL},
};
