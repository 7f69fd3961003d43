/* event_http.c: cancelling or postponing an event. Once a cancellation is answered, no more orders
 * of the event are made, and saga/cancellations.h refunds the existing ones. Orders of a postponed
 * event show the new date; sql/statements/postponing.sql has the consequences. New orders take the
 * hall's date, so the hall must have the new one first. */
#include "admin/routes.h"

#include "api/guard.h"
#include "api/held.h"
#include "base/json_in.h"
#include "base/magic.h"
#include "base/secret_file.h"
#include "observe/log.h"
#include "pay_limits.h"
#include "sale/show.h"
#include "store/statements.h"

static void log_act(struct http_req *req, const char *what, const char *event)
{
    log_text(pay_of(req)->loop->log, LOG_LEVEL_WARN, what, "event", event);
}

static void on_state(void *ctx, const struct pg_answer *answer)
{
    guard_doc(ctx, 200, answer, REFUSAL_NOT_FOUND);
}

/* ---- cancelled ---- */

static struct sql_cancellation_args progress_of(struct http_req *req, const char *event)
{
    const char *pivots = checkout_pivots(pay_of(req)->checkout);
    return (struct sql_cancellation_args){event, pivots, CANCEL_LISTED_MAX};
}

static void on_get_cancellation(struct http_req *req)
{
    char event[ORDER_EVENT_MAX];
    if (!guard_id(req, 0, event, sizeof(event)))
        return;
    const struct sql_cancellation_args args = progress_of(req, event);
    sql_cancellation(pay_of(req)->pg, &args, on_state, req);
}

static void on_cancelled(void *ctx, const struct pg_answer *answer)
{
    guard_doc(ctx, 202, answer, REFUSAL_NOT_FOUND);
}

static void on_cancel(struct http_req *req)
{
    char event[ORDER_EVENT_MAX], reason[EVENT_REASON_MAX + 1];
    if (!guard_id(req, 0, event, sizeof(event)) || !guard_reason(req, reason, sizeof(reason)))
        return;
    struct pg_job *job = pg_job_create(pay_of(req)->pg, on_cancelled, req);
    log_act(req, "operator cancels an event", event);
    sql_event_cancel_add(job, &(struct sql_event_cancel_args){event, reason, guard_who(req)});
    const struct sql_cancellation_args args = progress_of(req, event);
    sql_cancellation_add(job, &args);
    pg_job_send(job);
}

/* ---- postponed ---- */

struct wanted {
    uint32_t magic;
    struct http_req *req;
    struct held_fetch fetch; /* of the event */
    char event[ORDER_EVENT_MAX], token[HELD_PASS_MAX], trace[TRACE_TEXT_LEN + 1];
    uint64_t now_ms, starts_ms;
    char show[SHOW_JSON_MAX + 1];
    uint64_t until_ms;
    char reason[EVENT_REASON_MAX + 1];
};

MAGIC(wanted, 0x3a70002b);

/* `doors_at` is always written: the old time is void even without a new one. */
static void read_wanted(struct json_in *in, void *ctx)
{
    struct wanted *out = ctx;
    struct show show;
    struct text text = text_on(out->show, sizeof(out->show) - 1);
    json_in_require(in, "starts_at");
    json_in_require(in, "refund_until");
    json_in_copy(in, "reason", out->reason, sizeof(out->reason));
    show_read(in, &show);
    out->starts_ms = show.starts_ms;
    bool timed = json_in_time(in, "refund_until", &out->until_ms);
    if (timed && out->until_ms <= out->now_ms)
        json_in_refuse(in, "refund_until", "must be in the future");
    json_open(&text, '{');
    if (show.doors_ms == 0) {
        json_member_null(&text, "doors_at");
    }
    show_put(&text, &show);
    json_close(&text, '}');
    if (text.overflown)
        json_in_refuse(in, "venue", "is too long");
    out->show[text.len] = '\0';
}

static void on_get_postponement(struct http_req *req)
{
    char event[ORDER_EVENT_MAX];
    if (guard_id(req, 0, event, sizeof(event)))
        sql_postponement(pay_of(req)->pg, &(struct sql_postponement_args){event}, on_state, req);
}

static void on_postponed(void *ctx, const struct pg_answer *answer)
{
    if (answer->rc == 0 && sql_event_postpone_row(answer->results[0], 0).off)
        refusal_reply(ctx, REFUSAL_EVENT_CANCELLED);
    else
        on_state(ctx, answer);
}

/* `zone`: the hall's, in which its new date was set; NULL: unknown. */
static void postpone(const struct wanted *wanted, const char *zone)
{
    struct http_req *req = wanted->req;
    struct pg_job *job = pg_job_create(pay_of(req)->pg, on_postponed, req);
    log_act(req, "operator postpones an event", wanted->event);
    sql_event_postpone_add(job, &(struct sql_event_postpone_args){.event = wanted->event,
                                                                  .show = wanted->show,
                                                                  .zone = zone,
                                                                  .until_ms = wanted->until_ms,
                                                                  .reason = wanted->reason,
                                                                  .who = guard_who(req)});
    sql_postponement_add(job, &(struct sql_postponement_args){wanted->event});
    pg_job_send(job);
}

/* Without a hall there are no new orders. Another server may answer 404, too. */
static bool has_no_hall(const struct outcall_answer *answer)
{
    json_t *body;
    (void)json_in_read(answer->body, &body);
    const char *code = json_string_value(json_object_get(body, "code"));
    bool none = answer->status == 404 && code != NULL && strcmp(code, "event-unknown") == 0;
    json_decref(body);
    return none;
}

static void on_hall(void *ctx, const struct outcall_answer *answer)
{
    const struct wanted *wanted = MAGIC_OF(wanted, ctx);
    bool answered = answer != NULL && answer->rc == 0;
    struct show show;
    if (answered && has_no_hall(answer)) {
        postpone(wanted, NULL);
    } else if (!answered || answer->status != 200 || show_parse(answer->body, &show) < 0) {
        refusal_reply(wanted->req, REFUSAL_HALL_UNREAD);
    } else if (show.starts_ms != wanted->starts_ms) {
        refusal_reply(wanted->req, REFUSAL_HALL_DIFFERS);
    } else {
        postpone(wanted, show.time_zone[0] != '\0' ? show.time_zone : NULL);
    }
}

static void on_postpone(struct http_req *req)
{
    struct pay *pay = pay_of(req);
    const struct secret_file *token = pay->secrets->seats_admin;
    struct wanted *wanted = guard_room(req, sizeof(*wanted));
    if (wanted == NULL)
        return;
    MAGIC_BEGIN(wanted, wanted);
    wanted->req = req;
    wanted->now_ms = clock_wall_us(pay->loop->clock) / 1000;
    if (!guard_id(req, 0, wanted->event, sizeof(wanted->event)) ||
        !guard_read(req, read_wanted, wanted))
        return;
    if (token == NULL) { /* nothing is compared with the hall here */
        postpone(wanted, NULL);
        return;
    }
    span_to_cstr(secret_file_span(token), wanted->token, sizeof(wanted->token));
    guard_trace(req, wanted->trace);
    wanted->fetch = (struct held_fetch){.outcalls = pay->outcalls,
                                        .map = pay->seats_map,
                                        .event = wanted->event,
                                        .pass = wanted->token,
                                        .trace = wanted->trace,
                                        .on_done = on_hall,
                                        .ctx = wanted};
    held_fetch_begin(&wanted->fetch);
}

const struct http_route event_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/cancellation", on_get_cancellation, NULL, 0},
    {HTTP_METHOD_POST, "/admin/events/{event}/cancellation", on_cancel, NULL, BODY_SMALL_MAX},
    {HTTP_METHOD_GET, "/admin/events/{event}/postponement", on_get_postponement, NULL, 0},
    {HTTP_METHOD_PUT, "/admin/events/{event}/postponement", on_postpone, NULL, BODY_EVENT_MAX},
    {.pattern = NULL},
};
