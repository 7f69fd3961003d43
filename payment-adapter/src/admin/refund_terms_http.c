/* refund_terms_http.c: terms are changed against the version that was read (If-Match), with a
 * reason, and the change goes on record, so two operators cannot overwrite each other unnoticed.
 * Orders that exist keep the terms under which they were made. An operator's own refund is bound by
 * one rule only: once a ticket has been used, its order is not refunded. */
#include "admin/refund_terms_http.h"

#include "api/guard.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "base/rfc3339.h"
#include "observe/log.h"
#include "store/statements.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum { REASON_MAX = 200, DAY_S = 86400, BEFORE_START_MAX_S = 366 * DAY_S };

static const char *const by_words[] = {ACTOR_BUYER, ACTOR_OPERATOR, NULL};

int refund_terms_default(const struct settings *settings, struct err_slot *err)
{
    const struct sql_terms_default_args args = {.granted_to = by_words[settings->refund_by],
                                                .before_start_s =
                                                    settings->refund_before_start_ms / 1000,
                                                .percent = (uint16_t)settings->refund_percent,
                                                .handed_on = settings->refund_handed_on};
    PGconn *pq = PQconnectdb(settings->db_conninfo);
    PGresult *res = sql_terms_default(pq, &args);
    int rc = PQresultStatus(res) == PGRES_COMMAND_OK
                 ? 0
                 : err_set(err, ERR_PEER, "storing the refund terms: %s", PQerrorMessage(pq));
    PQclear(res);
    PQfinish(pq);
    return rc;
}

/* ---- reading ---- */

struct visit {
    uint32_t magic;
    struct http_req *req;
    char id[ORDER_EVENT_MAX]; /* an event, or an order */
    bool public;
};

MAGIC(visit, 0x3a70000d);

static void visit_free(struct visit *visit)
{
    if (visit != NULL)
        MAGIC_END(visit, visit);
    free(visit);
}

static struct visit *visit_begin(struct http_req *req)
{
    char id[ORDER_EVENT_MAX];
    struct visit *visit = guard_begin(req, sizeof(*visit), id, sizeof(id));
    if (visit == NULL)
        return NULL;
    MAGIC_BEGIN(visit, visit);
    visit->req = req;
    memcpy(visit->id, id, sizeof(id));
    return visit;
}

static void reply_terms(struct visit *visit, const PGresult *res)
{
    const struct sql_terms_read_row row = sql_terms_read_row(res, 0);
    char memory[512], header_memory[128];
    struct text body = text_on(memory, sizeof(memory));
    struct text headers = text_on(header_memory, sizeof(header_memory));
    json_open(&body, '{');
    json_member_cstr(&body, "event", visit->id);
    json_member_str(&body, "id", row.id);
    json_member_u64(&body, "version", row.version);
    json_member_str(&body, "by", row.granted_to);
    json_key(&body, "until");
    if (row.until_at.ptr != NULL)
        json_str(&body, row.until_at);
    else
        json_nil(&body);
    json_key(&body, "before_start_s");
    if (row.has_before_start_s)
        json_u64(&body, row.before_start_s);
    else
        json_nil(&body);
    json_member_u64(&body, "percent", row.percent);
    json_member_bool(&body, "handed_on", row.handed_on);
    json_close(&body, '}');
    text_printf(&headers, "ETag: \"%u\"\r\nCache-Control: %s\r\n", row.version,
                visit->public ? "public, max-age=10" : "no-store");
    http_reply(visit->req, &(struct http_reply){.status = 200,
                                                .type = "application/json",
                                                .headers = text_span(&headers),
                                                .body = text_span(&body)});
}

static void on_terms(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (answer->rc < 0 || PQntuples(answer->results[0]) == 0)
        guard_unavailable(visit->req, answer->rc);
    else
        reply_terms(visit, answer->results[0]);
    visit_free(visit);
}

static void get_terms(struct http_req *req, bool public)
{
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    visit->public = public;
    sql_terms_read(pay_of(req)->pg, &(struct sql_terms_read_args){visit->id}, on_terms, visit);
}

static void on_get(struct http_req *req)
{
    get_terms(req, true);
}

static void on_get_private(struct http_req *req)
{
    get_terms(req, false);
}

/* ---- setting ---- */

static void on_set(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    if (answer->rc < 0) {
        guard_unavailable(visit->req, answer->rc);
    } else if (PQntuples(answer->results[0]) == 0) {
        refusal_reply(visit->req, REFUSAL_TERMS_CHANGED);
    } else {
        struct log_line line;
        log_begin(&line, pay_of(visit->req)->loop->log, LOG_LEVEL_WARN,
                  "operator sets refund terms");
        log_cstr(&line, "event", visit->id);
        log_end(&line);
        reply_terms(visit, answer->results[1]);
    }
    visit_free(visit);
}

struct wanted {
    unsigned by;
    uint64_t until_ms, before_s, percent;
    char reason[REASON_MAX + 1];
    bool has_until, has_before, handed_on;
};

static int read_wanted(json_t *doc, struct wanted *out, struct err_slot *err)
{
    struct span reason = {NULL, 0};
    struct json_in in;
    json_in_object(&in, doc, err);
    json_in_require(&in, "by");
    json_in_require(&in, "percent");
    json_in_require(&in, "handed_on");
    json_in_require(&in, "reason");
    json_in_word(&in, "by", by_words, &out->by);
    json_in_u64(&in, "percent", 1, 100, &out->percent);
    json_in_bool(&in, "handed_on", &out->handed_on);
    json_in_allow(&in, "until");
    json_in_allow(&in, "before_start_s");
    out->has_until = json_in_has(&in, "until") && json_in_time(&in, "until", &out->until_ms);
    out->has_before = json_in_has(&in, "before_start_s") &&
                      json_in_u64(&in, "before_start_s", 0, BEFORE_START_MAX_S, &out->before_s);
    json_in_str(&in, "reason", 1, REASON_MAX, &reason);
    int rc = json_in_end(&in);
    if (rc == 0)
        span_to_cstr(reason, out->reason, sizeof(out->reason));
    return rc;
}

/* "N" */
static bool read_version(struct span header, uint64_t *out)
{
    if (header.len < 3 || header.ptr[0] != '"' || header.ptr[header.len - 1] != '"')
        return false;
    struct span digits = {header.ptr + 1, header.len - 2};
    return span_u64(digits, INT32_MAX, out);
}

static void on_put(struct http_req *req)
{
    struct err_slot err = {0};
    json_t *doc;
    struct wanted wanted = {0};
    uint64_t version;
    struct span match = http_req_header(req, HTTP_HEADER_IF_MATCH);
    if (match.len == 0) {
        refusal_reply(req, REFUSAL_IF_MATCH_MISSING);
        return;
    }
    if (!read_version(match, &version)) {
        refusal_reply(req, REFUSAL_IF_MATCH);
        return;
    }
    if (!guard_json(req, &err, &doc))
        return;
    int rc = read_wanted(doc, &wanted, &err);
    json_decref(doc);
    if (rc < 0) {
        refusal_say(req, REFUSAL_REQUEST, "%s", err.text);
        return;
    }
    struct visit *visit = visit_begin(req);
    struct pg_job *job = visit != NULL ? pg_job_create(pay_of(req)->pg, on_set, visit) : NULL;
    if (job == NULL) {
        if (visit != NULL)
            guard_unavailable(req, ERR_NOMEM);
        visit_free(visit);
        return;
    }
    const struct sql_terms_set_args args = {.event = visit->id,
                                            .granted_to = by_words[wanted.by],
                                            .has_until_ms = wanted.has_until,
                                            .until_ms = wanted.until_ms,
                                            .has_before_start_s = wanted.has_before,
                                            .before_start_s = wanted.before_s,
                                            .percent = (uint16_t)wanted.percent,
                                            .handed_on = wanted.handed_on,
                                            .version = (uint32_t)version,
                                            .reason = wanted.reason,
                                            .who = guard_who(req)};
    sql_terms_set_add(job, &args);
    sql_terms_read_add(job, &(struct sql_terms_read_args){visit->id});
    pg_job_send(job);
}

/* ---- a refund by the operator ---- */

static void on_refunding(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    const PGresult *res = answer->rc == 0 ? answer->results[1] : NULL;
    if (res == NULL) {
        guard_unavailable(visit->req, answer->rc);
    } else if (PQntuples(res) == 0) {
        refusal_reply(visit->req, REFUSAL_ORDER_UNKNOWN);
    } else if (sql_order_refund_row(res, 0).code.ptr != NULL) {
        refusal_reply(visit->req, REFUSAL_NOT_REFUNDABLE);
    } else {
        worker_nudge(pay_of(visit->req)->worker);
        char memory[128];
        struct text body = text_on(memory, sizeof(memory));
        json_open(&body, '{');
        json_member_cstr(&body, "order", visit->id);
        json_member_cstr(&body, "status", order_status_name(ORDER_REFUNDING));
        json_close(&body, '}');
        http_reply(visit->req, &(struct http_reply){.status = 202,
                                                    .type = "application/json",
                                                    .body = text_span(&body)});
    }
    visit_free(visit);
}

static void on_refund(struct http_req *req)
{
    struct err_slot err = {0};
    json_t *doc;
    if (!guard_json(req, &err, &doc))
        return;
    struct span reason = {NULL, 0};
    uint64_t percent = 100;
    char text[REASON_MAX + 1] = "";
    struct json_in in;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "reason");
    json_in_str(&in, "reason", 1, REASON_MAX, &reason);
    json_in_u64(&in, "percent", 1, 100, &percent);
    int rc = json_in_end(&in);
    span_to_cstr(reason, text, sizeof(text));
    json_decref(doc);
    if (rc < 0) {
        refusal_say(req, REFUSAL_REQUEST, "%s", err.text);
        return;
    }
    struct visit *visit = visit_begin(req);
    struct pg_job *job = visit != NULL ? pg_job_create(pay_of(req)->pg, on_refunding, visit) : NULL;
    if (job == NULL) {
        if (visit != NULL)
            guard_unavailable(req, ERR_NOMEM);
        visit_free(visit);
        return;
    }
    char trace[TRACE_TEXT_LEN + 1];
    guard_trace(req, trace);
    const struct sql_order_refund_args args = {
        .order = visit->id,
        .saga = checkout_now(pay_of(visit->req)->checkout, CHECKOUT_REFUND)->key,
        .trace = trace,
        .actor = ACTOR_OPERATOR,
        .reason = text,
        .who = guard_who(req),
        .has_percent = true,
        .percent = (uint32_t)percent};
    sql_order_lock_add(job, &(struct sql_order_lock_args){visit->id});
    sql_order_refund_add(job, &args);
    sql_order_refund_shop_add(job, &(struct sql_order_refund_shop_args){visit->id});
    sql_order_refund_mail_add(job, &(struct sql_order_refund_mail_args){visit->id});
    pg_job_send(job);
}

int refund_terms_routes(struct http_router *routes, struct http_router *private_routes,
                        struct err_slot *err)
{
    const struct http_route open = {HTTP_METHOD_GET, "/v1/pay/events/{event}/refund-terms", on_get,
                                    NULL, 0};
    const struct http_route operators[] = {
        {HTTP_METHOD_GET, "/admin/events/{event}/refund-terms", on_get_private, NULL, 0},
        {HTTP_METHOD_PUT, "/admin/events/{event}/refund-terms", on_put, NULL, BODY_SMALL_MAX},
        {HTTP_METHOD_POST, "/admin/orders/{order}/refund", on_refund, NULL, BODY_SMALL_MAX},
    };
    int rc = http_router_add(routes, &open, err);
    return rc < 0 ? rc
                  : http_router_add_all(private_routes, operators,
                                        sizeof(operators) / sizeof(operators[0]), err);
}
