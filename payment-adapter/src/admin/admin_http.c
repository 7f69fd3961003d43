/* admin_http.c: the operator's view, on the private listener: sagas with their timelines, retry and
 * compensate with a reason that is kept, and what reconciliation found. */
#include "admin/routes.h"

#include "api/guard.h"
#include "base/json_in.h"
#include "observe/log.h"
#include "saga/reconcile.h"
#include "store/statements.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ADMIN_BODY_MAX = 1024 * 1024,
    LIST_MAX = 200,
    REASON_MAX = 200,
    ACT_TRIES = 5, /* a saga in motion may move on between the look at it and the act */
};

struct visit {
    struct http_req *req;
    struct pay *pay;
    char id[24];
    char reason[REASON_MAX + 1];
    bool compensate;
    unsigned tries;
};

static const char *step_name(const struct saga_def *def, uint64_t step)
{
    return def != NULL && step < def->steps_len ? def->steps[step]->name : "?";
}

/* The columns that SQL_SAGA_LIST and SQL_SAGA_READ have in common; the object stays open. */
static void put_saga(struct text *text, const struct pay *pay, const PGresult *res, int i)
{
    const struct saga_def *def = checkout_find(pay->checkout, pg_text(res, i, 1));
    uint64_t state = pg_u64(res, i, 3);
    bool parked = pg_bool(res, i, 5);
    json_open(text, '{');
    json_member_u64(text, "saga", pg_u64(res, i, 0));
    json_member_str(text, "definition", pg_text(res, i, 1));
    json_member_str(text, "order", pg_text(res, i, 2));
    json_member_cstr(text, "state",
                     parked                     ? "parked"
                     : state < SAGA_STATE_COUNT ? saga_state_name((enum saga_state)state)
                                                : "?");
    json_member_cstr(text, "way", state == SAGA_UNDOING || state == SAGA_UNDONE ? "undo" : "do");
    json_member_cstr(text, "step", step_name(def, pg_u64(res, i, 4)));
    if (pg_text(res, i, 6).len > 0)
        json_member_str(text, "cause", pg_text(res, i, 6));
    json_member_u64(text, "tries", pg_u64(res, i, 7));
    json_member_u64(text, "moves", pg_u64(res, i, 8));
    json_member_str(text, "started_at", pg_text(res, i, 9));
    json_member_str(text, "step_since", pg_text(res, i, 10));
    if (!PQgetisnull(res, i, 12))
        json_member_str(text, "ended_at", pg_text(res, i, 12));
    else if (!parked)
        json_member_str(text, pg_bool(res, i, 15) ? "leased_until" : "next_try_at",
                        pg_text(res, i, 11));
    json_member_bool(text, "cancel", pg_bool(res, i, 13));
    json_member_str(text, "trace", pg_text(res, i, 14));
}

static void on_list(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    char *memory = answer->rc == 0 ? malloc(ADMIN_BODY_MAX) : NULL;
    if (memory == NULL) {
        guard_unavailable(visit->req, answer->rc);
        free(visit);
        return;
    }
    struct text body = text_on(memory, ADMIN_BODY_MAX);
    json_open(&body, '{');
    json_key(&body, "sagas");
    json_open(&body, '[');
    for (int i = 0; i < PQntuples(answer->results[0]); i++) {
        put_saga(&body, visit->pay, answer->results[0], i);
        json_close(&body, '}');
    }
    json_close(&body, ']');
    json_close(&body, '}');
    guard_reply(visit->req, 200, &body, SPAN(""));
    free(memory);
    free(visit);
}

static struct visit *visit_begin(struct http_req *req)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return NULL;
    }
    visit->req = req;
    visit->pay = pay_of(req);
    return visit;
}

static void on_get_list(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct span state = http_req_query_arg(req, SPAN("state"));
    struct span order = http_req_query_arg(req, SPAN("order"));
    struct span before = http_req_query_arg(req, SPAN("before"));
    struct span limit = http_req_query_arg(req, SPAN("limit"));
    char state_text[8] = "open", order_text[ORDER_ID_MAX], before_text[24], limit_text[8] = "50";
    uint64_t number;
    bool good =
        state.len == 0 || (span_to_cstr(state, state_text, sizeof(state_text)) &&
                           (strcmp(state_text, "open") == 0 || strcmp(state_text, "parked") == 0 ||
                            strcmp(state_text, "all") == 0));
    good = good && (order.len == 0 || span_to_cstr(order, order_text, sizeof(order_text)));
    good = good && (before.len == 0 || (span_u64(before, INT64_MAX, &number) &&
                                        span_to_cstr(before, before_text, sizeof(before_text))));
    good = good && (limit.len == 0 || (span_u64(limit, LIST_MAX, &number) &&
                                       span_to_cstr(limit, limit_text, sizeof(limit_text))));
    if (!good) {
        http_problem(req, 400, "bad-request",
                     "state is open, parked or all; limit at most %d; before is a saga's number.",
                     LIST_MAX);
        return;
    }
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    const char *const params[] = {state_text, order.len > 0 ? order_text : NULL,
                                  before.len > 0 ? before_text : NULL, limit_text};
    pg_pool_query(visit->pay->pg, SQL_SAGA_LIST, 4, params, on_list, visit);
}

/* ---- one ---- */

static void put_step(struct text *text, const PGresult *res, int i, const struct saga_def *def)
{
    uint64_t mark = pg_u64(res, i, 3);
    json_open(text, '{');
    json_member_cstr(text, "step", step_name(def, pg_u64(res, i, 0)));
    json_member_cstr(text, "way", pg_bool(res, i, 1) ? "undo" : "do");
    json_member_cstr(text, "result",
                     mark < SAGA_MARK_OPERATOR ? saga_mark_name((enum saga_mark)mark) : "operator");
    json_member_u64(text, "try", pg_u64(res, i, 4));
    json_member_u64(text, "took_us", pg_u64(res, i, 5));
    if (pg_text(res, i, 6).len > 0)
        json_member_str(text, "code", pg_text(res, i, 6));
    if (pg_text(res, i, 7).len > 0)
        json_member_str(text, "detail", pg_text(res, i, 7));
    json_member_str(text, "at", pg_text(res, i, 8));
    json_close(text, '}');
}

/* All of them in their order, as the saga's own definition has them. */
static void put_steps(struct text *text, const struct saga_def *def)
{
    json_key(text, "steps");
    json_open(text, '[');
    for (uint8_t i = 0; i < def->steps_len; i++)
        json_str(text, span_of(def->steps[i]->name));
    json_close(text, ']');
    json_member_cstr(text, "pivot", def->steps[def->pivot]->name);
}

static void on_one(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    char *memory = answer->rc == 0 ? malloc(ADMIN_BODY_MAX) : NULL;
    if (memory == NULL) {
        guard_unavailable(visit->req, answer->rc);
    } else if (PQntuples(answer->results[0]) == 0) {
        guard_nothing(visit->req, "saga-unknown");
    } else {
        const PGresult *saga = answer->results[0], *steps = answer->results[1];
        const struct saga_def *def = checkout_find(visit->pay->checkout, pg_text(saga, 0, 1));
        struct text body = text_on(memory, ADMIN_BODY_MAX);
        put_saga(&body, visit->pay, saga, 0);
        json_member_raw(&body, "data", pg_text(saga, 0, 16));
        if (def != NULL)
            put_steps(&body, def);
        json_key(&body, "timeline");
        json_open(&body, '[');
        for (int i = 0; i < PQntuples(steps); i++)
            put_step(&body, steps, i, def);
        json_close(&body, ']');
        json_close(&body, '}');
        guard_reply(visit->req, 200, &body, SPAN(""));
    }
    free(memory);
    free(visit);
}

static bool take_id(struct visit *visit)
{
    uint64_t number;
    struct span id = http_req_param(visit->req, 0);
    if (span_u64(id, INT64_MAX, &number) && span_to_cstr(id, visit->id, sizeof(visit->id)))
        return true;
    guard_nothing(visit->req, "saga-unknown");
    free(visit);
    return false;
}

static void read_one(struct visit *visit, pg_on_done *on_done)
{
    const char *const params[] = {visit->id};
    struct pg_job *job = pg_job_create(visit->pay->pg, on_done, visit);
    if (job == NULL) {
        guard_unavailable(visit->req, ERR_NOMEM);
        free(visit);
        return;
    }
    pg_job_add(job, SQL_SAGA_READ, 1, params);
    pg_job_add(job, SQL_SAGA_STEPS, 1, params);
    pg_job_send(job);
}

static void on_get_one(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct visit *visit = visit_begin(req);
    if (visit != NULL && take_id(visit))
        read_one(visit, on_one);
}

/* ---- retry and compensate ---- */

static void on_read_to_act(void *ctx, const struct pg_answer *answer);

static void on_acted(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    if (answer->rc < 0) {
        guard_unavailable(visit->req, answer->rc);
        free(visit);
        return;
    }
    if (PQntuples(answer->results[0]) == 0 && ++visit->tries < ACT_TRIES) {
        read_one(visit, on_read_to_act); /* it has moved since it was read */
        return;
    }
    if (PQntuples(answer->results[0]) == 0) {
        http_problem(visit->req, 409, "not-allowed",
                     visit->compensate ? "Only a saga above or at its pivot can be compensated."
                                       : "This saga has ended.");
        free(visit);
        return;
    }
    struct log_line line;
    log_begin(&line, visit->pay->loop->log, LOG_LEVEL_WARN,
              visit->compensate ? "operator compensates a saga" : "operator retries a saga");
    log_cstr(&line, "saga", visit->id);
    log_cstr(&line, "reason", visit->reason);
    log_end(&line);
    worker_nudge(visit->pay->worker);
    read_one(visit, on_one);
}

static void on_read_to_act(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    if (answer->rc < 0 || PQntuples(answer->results[0]) == 0) {
        if (answer->rc < 0)
            guard_unavailable(visit->req, answer->rc);
        else
            guard_nothing(visit->req, "saga-unknown");
        free(visit);
        return;
    }
    const PGresult *res = answer->results[0];
    const struct saga_def *def = checkout_find(visit->pay->checkout, pg_text(res, 0, 1));
    enum saga_state state = (enum saga_state)pg_u64(res, 0, 3);
    uint8_t step = (uint8_t)pg_u64(res, 0, 4);
    char moves[16];
    snprintf(moves, sizeof(moves), "%llu", (unsigned long long)pg_u64(res, 0, 8));
    if (def == NULL || state >= SAGA_STATE_COUNT || step >= def->steps_len) {
        http_problem(visit->req, 409, "not-allowed",
                     "This program does not have the definition that the saga began under.");
        free(visit);
        return;
    }
    if (!visit->compensate) {
        char cause[SAGA_CODE_MAX] = "";
        span_to_cstr(pg_text(res, 0, 6), cause, sizeof(cause));
        const char *status = order_status_name(checkout_status(def, state, step, false, cause));
        const char *const params[] = {visit->id, visit->reason, status, moves};
        pg_pool_query(visit->pay->pg, SQL_SAGA_RETRY, 4, params, on_acted, visit);
        return;
    }
    int from = step <= def->pivot ? saga_undo_step(def, step) : -1;
    if (from < 0 || checkout_kind(def) != CHECKOUT_SALE) {
        http_problem(visit->req, 409, "not-allowed",
                     "Only a checkout above or at its pivot can be compensated.");
        free(visit);
        return;
    }
    char undo[16], pivot[16];
    snprintf(undo, sizeof(undo), "%d", from);
    snprintf(pivot, sizeof(pivot), "%u", def->pivot);
    const char *const params[] = {visit->id, visit->reason, undo, pivot, def->key, moves};
    pg_pool_query(visit->pay->pg, SQL_SAGA_COMPENSATE, 6, params, on_acted, visit);
}

static void act(struct http_req *req, bool compensate)
{
    struct err_slot err = {0};
    json_t *doc;
    if (!guard_json(req, &err, &doc))
        return;
    struct span reason = {NULL, 0};
    struct json_in in;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "reason");
    json_in_str(&in, "reason", 1, REASON_MAX, &reason);
    struct visit *visit = NULL;
    if (json_in_end(&in) < 0)
        http_problem(req, 400, "bad-request", "%s", err.text);
    else
        visit = visit_begin(req);
    if (visit != NULL) {
        visit->compensate = compensate;
        span_to_cstr(reason, visit->reason, sizeof(visit->reason));
    }
    json_decref(doc);
    if (visit != NULL && take_id(visit))
        read_one(visit, on_read_to_act);
}

static void on_retry(struct http_req *req, void *ctx)
{
    (void)ctx;
    act(req, false);
}

static void on_compensate(struct http_req *req, void *ctx)
{
    (void)ctx;
    act(req, true);
}

/* ---- letters that the shop refused too often ---- */

static void on_letters(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    char *memory = answer->rc == 0 ? malloc(ADMIN_BODY_MAX) : NULL;
    if (memory == NULL) {
        guard_unavailable(req, answer->rc);
        return;
    }
    struct text body = text_on(memory, ADMIN_BODY_MAX);
    json_open(&body, '{');
    json_key(&body, "letters");
    json_open(&body, '[');
    for (int i = 0; i < PQntuples(answer->results[0]); i++) {
        const PGresult *res = answer->results[0];
        json_open(&body, '{');
        json_member_u64(&body, "letter", pg_u64(res, i, 0));
        json_member_str(&body, "order", pg_text(res, i, 1));
        json_member_str(&body, "kind", pg_text(res, i, 2));
        json_member_u64(&body, "tries", pg_u64(res, i, 3));
        json_member_str(&body, "error", pg_text(res, i, 4));
        json_member_str(&body, "made_at", pg_text(res, i, 5));
        json_close(&body, '}');
    }
    json_close(&body, ']');
    json_close(&body, '}');
    guard_reply(req, 200, &body, SPAN(""));
    free(memory);
}

static void on_get_letters(struct http_req *req, void *ctx)
{
    (void)ctx;
    pg_pool_query(pay_of(req)->pg, SQL_SHOP_PARKED, 0, NULL, on_letters, req);
}

static void on_letter_let_go(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    if (answer->rc < 0) {
        guard_unavailable(req, answer->rc);
        return;
    }
    if (PQntuples(answer->results[0]) == 0) {
        guard_nothing(req, "letter-unknown");
        return;
    }
    char memory[256];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_str(&body, "order", pg_text(answer->results[0], 0, 0));
    json_member_str(&body, "kind", pg_text(answer->results[0], 0, 1));
    json_close(&body, '}');
    guard_reply(req, 200, &body, SPAN(""));
}

static void on_retry_letter(struct http_req *req, void *ctx)
{
    (void)ctx;
    char id[24];
    uint64_t number;
    struct span text = http_req_param(req, 0);
    if (!span_u64(text, INT64_MAX, &number) || !span_to_cstr(text, id, sizeof(id))) {
        guard_nothing(req, "letter-unknown");
        return;
    }
    struct log_line line;
    log_begin(&line, pay_of(req)->loop->log, LOG_LEVEL_WARN, "operator lets a letter go again");
    log_cstr(&line, "letter", id);
    log_end(&line);
    const char *const params[] = {id};
    pg_pool_query(pay_of(req)->pg, SQL_SHOP_RETRY, 1, params, on_letter_let_go, req);
}

/* ---- reconciliation ---- */

static void reply_reconcile(struct http_req *req)
{
    char *memory = malloc(ADMIN_BODY_MAX);
    if (memory == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return;
    }
    struct text body = text_on(memory, ADMIN_BODY_MAX);
    reconcile_put(pay_of(req)->reconcile, &body);
    guard_reply(req, 200, &body, SPAN(""));
    free(memory);
}

static void on_get_reconcile(struct http_req *req, void *ctx)
{
    (void)ctx;
    reply_reconcile(req);
}

static void on_reconciled(void *ctx)
{
    reply_reconcile(ctx);
}

static void on_reconcile(struct http_req *req, void *ctx)
{
    (void)ctx;
    if (reconcile_now(pay_of(req)->reconcile, on_reconciled, req) < 0)
        http_problem(req, 409, "under-way", "A run is under way; its result is at GET.");
}

int admin_routes(struct http_router *routes, struct err_slot *err)
{
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/admin/sagas", on_get_list, NULL, 0},
        {HTTP_METHOD_GET, "/admin/sagas/{id}", on_get_one, NULL, 0},
        {HTTP_METHOD_POST, "/admin/sagas/{id}/retry", on_retry, NULL, BODY_SMALL_MAX},
        {HTTP_METHOD_POST, "/admin/sagas/{id}/compensate", on_compensate, NULL, BODY_SMALL_MAX},
        {HTTP_METHOD_GET, "/admin/letters", on_get_letters, NULL, 0},
        {HTTP_METHOD_POST, "/admin/letters/{id}/retry", on_retry_letter, NULL, BODY_SMALL_MAX},
        {HTTP_METHOD_GET, "/admin/reconcile", on_get_reconcile, NULL, 0},
        {HTTP_METHOD_POST, "/admin/reconcile", on_reconcile, NULL, BODY_SMALL_MAX},
    };
    return http_router_add_all(routes, all, sizeof(all) / sizeof(all[0]), err);
}
