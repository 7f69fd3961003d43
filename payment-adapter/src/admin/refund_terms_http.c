/* refund_terms_http.c: terms are changed against the version that was read (If-Match), with a
 * reason, and the change is recorded, so two operators cannot overwrite each other unnoticed.
 * Existing orders keep the terms under which they were made. An operator's own refund of a whole
 * order needs one condition only: that none of its tickets was used. A part of it can be refunded
 * at any time, as a sum or by places. */
#include "admin/refund_terms_http.h"

#include "api/guard.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "base/rfc3339.h"
#include "core/checkout/moving.h"
#include "observe/log.h"
#include "store/refunding.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum { REASON_MAX = 200, DAY_S = 86400, BEFORE_START_MAX_S = 366 * DAY_S };

#define REFUND_SUM_MAX (UINT64_C(1) << 53) /* exact in JSON */

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

static struct visit *visit_about(struct http_req *req, const char *id)
{
    struct visit *visit = guard_room(req, sizeof(*visit));
    if (visit == NULL)
        return NULL;
    MAGIC_BEGIN(visit, visit);
    visit->req = req;
    bool fits = span_to_cstr(span_of(id), visit->id, sizeof(visit->id));
    assert(fits);
    return visit;
}

static struct visit *visit_begin(struct http_req *req)
{
    char id[ORDER_EVENT_MAX];
    return guard_id(req, 0, id, sizeof(id)) ? visit_about(req, id) : NULL;
}

static void reply_terms(const struct visit *visit, const PGresult *res)
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
    json_member_or_null(&body, "until", row.until_at);
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
    guard_reply(visit->req, 200, &body, text_span(&headers));
}

static void on_terms(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    if (guard_row(visit->req, answer, 0, REFUSAL_UNAVAILABLE))
        reply_terms(visit, answer->results[0]);
}

static void on_get(struct http_req *req)
{
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    visit->public = span_starts(http_req_path(req), SPAN("/v1/"));
    sql_terms_read(pay_of(req)->pg, &(struct sql_terms_read_args){visit->id}, on_terms, visit);
}

/* ---- setting ---- */

static void on_set(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    if (!guard_row(visit->req, answer, 0, REFUSAL_TERMS_CHANGED))
        return;
    log_text(pay_of(visit->req)->loop->log, LOG_LEVEL_WARN, "operator sets refund terms", "event",
             visit->id);
    reply_terms(visit, answer->results[1]);
}

struct wanted {
    unsigned by;
    uint64_t until_ms, before_s, percent;
    char reason[REASON_MAX + 1];
    bool has_until, has_before, handed_on;
};

static void read_wanted(struct json_in *in, void *ctx)
{
    struct wanted *out = ctx;
    json_in_require(in, "by");
    json_in_require(in, "percent");
    json_in_require(in, "handed_on");
    json_in_copy(in, "reason", out->reason, sizeof(out->reason));
    json_in_word(in, "by", by_words, &out->by);
    json_in_u64(in, "percent", 1, 100, &out->percent);
    json_in_bool(in, "handed_on", &out->handed_on);
    json_in_allow(in, "until");
    json_in_allow(in, "before_start_s");
    out->has_until = json_in_has(in, "until") && json_in_time(in, "until", &out->until_ms);
    out->has_before = json_in_has(in, "before_start_s") &&
                      json_in_u64(in, "before_start_s", 0, BEFORE_START_MAX_S, &out->before_s);
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
    if (!guard_read(req, read_wanted, &wanted))
        return;
    struct visit *visit = visit_begin(req);
    if (visit == NULL)
        return;
    struct pg_job *job = pg_job_create(pay_of(req)->pg, on_set, visit);
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

/* Why order_refund and order_credit refuse. */
static const enum refusal noes[] = {REFUSAL_NOT_REFUNDABLE,    REFUSAL_REFUNDED_BEFORE,
                                    REFUSAL_SEAT_NOT_IN_ORDER, REFUSAL_WHOLE_ORDER,
                                    REFUSAL_PRICE_UNKNOWN,     REFUSAL_REFUND_LARGE,
                                    REFUSAL_CREDITS_FULL,      REFUSAL_DIFFERENCE_ACCEPTED};
enum { NOES = sizeof(noes) / sizeof(noes[0]) };

static void reply_refunding(const struct visit *visit, struct span code, enum order_status status)
{
    if (code.ptr != NULL) {
        refusal_reply(visit->req, refusal_of(code, noes, NOES));
        return;
    }
    worker_nudge(pay_of(visit->req)->worker);
    guard_begun(visit->req, visit->id, order_status_name(status));
}

static void on_refunding(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    if (guard_row(visit->req, answer, REFUNDING_RESULT, REFUSAL_ORDER_UNKNOWN))
        reply_refunding(visit, sql_order_refund_row(answer->results[REFUNDING_RESULT], 0).code,
                        ORDER_REFUNDING);
}

static void on_crediting(void *ctx, const struct pg_answer *answer)
{
    const struct visit *visit = MAGIC_OF(visit, ctx);
    if (!guard_row(visit->req, answer, REFUNDING_RESULT, REFUSAL_ORDER_UNKNOWN))
        return;
    const struct sql_order_credit_row row =
        sql_order_credit_row(answer->results[REFUNDING_RESULT], 0);
    reply_refunding(visit, row.code, row.status);
}

struct wish {
    uint64_t percent, amount;
    char reason[REASON_MAX + 1];
    char seats[BODY_SEATS_MAX]; /* a list of names */
    bool has_percent, has_amount, has_seats, free;
};

/* `percent` of a whole order, or a part: `amount`, `seats` or both. */
static void read_wish(struct json_in *in, void *ctx)
{
    struct wish *out = ctx;
    *out = (struct wish){.percent = 100};
    json_in_copy(in, "reason", out->reason, sizeof(out->reason));
    out->has_percent = json_in_u64(in, "percent", 1, 100, &out->percent);
    out->has_seats = guard_seats(in, out->seats, sizeof(out->seats));
    json_in_bool(in, "free", &out->free);
    out->has_amount = json_in_u64(in, "amount", out->free ? 0 : 1, REFUND_SUM_MAX, &out->amount);
    if (out->has_percent && (out->has_amount || out->has_seats))
        json_in_refuse(in, "percent", "is of the whole order, without `amount` or `seats`");
    if (out->free && !out->has_seats)
        json_in_refuse(in, "free", "needs `seats`");
}

static void begin_refund(struct visit *visit, const struct wish *wish)
{
    struct http_req *req = visit->req;
    bool part = wish->has_amount || wish->has_seats;
    struct pg_job *job = pg_job_create(pay_of(req)->pg, part ? on_crediting : on_refunding, visit);
    char trace[TRACE_TEXT_LEN + 1];
    guard_trace(req, trace);
    const char *saga =
        checkout_now(pay_of(req)->checkout, part ? CHECKOUT_CREDIT : CHECKOUT_REFUND)->key;
    const struct sql_order_refund_args whole = {.order = visit->id,
                                                .saga = saga,
                                                .trace = trace,
                                                .actor = ACTOR_OPERATOR,
                                                .reason = wish->reason,
                                                .who = guard_who(req),
                                                .has_percent = true,
                                                .percent = (uint32_t)wish->percent};
    const struct sql_order_credit_args credit = {.order = visit->id,
                                                 .saga = saga,
                                                 .trace = trace,
                                                 .seats = wish->has_seats ? wish->seats : NULL,
                                                 .has_amount = wish->has_amount,
                                                 .amount = wish->amount,
                                                 .free = wish->free,
                                                 .reason = wish->reason,
                                                 .who = guard_who(req),
                                                 .most = CREDITS_MAX};
    if (part)
        refunding_add_part(job, &credit);
    else
        refunding_add_whole(job, &whole);
    pg_job_send(job);
}

static void refund(struct http_req *req, const char *order)
{
    struct wish wish;
    struct visit *visit = guard_read(req, read_wish, &wish) ? visit_about(req, order) : NULL;
    if (visit != NULL)
        begin_refund(visit, &wish);
}

static void on_refund(struct http_req *req)
{
    guard_order(req, http_req_param(req, 0), refund);
}

const struct http_route refund_terms_routes[] = {
    {HTTP_METHOD_GET, "/v1/pay/events/{event}/refund-terms", on_get, NULL, 0},
    {.pattern = NULL},
};
const struct http_route refund_terms_private_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/refund-terms", on_get, NULL, 0},
    {HTTP_METHOD_PUT, "/admin/events/{event}/refund-terms", on_put, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_POST, "/admin/orders/{order}/refund", on_refund, NULL, BODY_SEATS_MAX},
    {.pattern = NULL},
};
