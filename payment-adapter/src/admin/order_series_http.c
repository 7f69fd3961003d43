/* order_series_http.c: GET /admin/events/{event}/counts: the series that saga/order_series.c keeps,
 * thinned to what a chart can show. A row that holds only a process's errors does not know how many
 * sagas are open: such numbers are null, not 0. */
#include "admin/routes.h"

#include "api/guard.h"
#include "base/magic.h"
#include "base/rfc3339.h"
#include "pay_limits.h"
#include "store/statements.h"

#include <assert.h>
#include <stdlib.h>

enum { BODY_MAX = 256 * 1024 };

/* The columns of a point. */
static const char *const columns[] = {"at",      "completed", "refunded",   "cancelled",
                                      "expired", "failed",    "unanswered", "errors",
                                      "open",    "parked",    "captured",   "given_back"};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct visit {
    uint32_t magic;
    struct http_req *req;
    struct pay *pay;
    char event[ORDER_EVENT_MAX];
};

MAGIC(visit, 0x3a700014);

static void put_number_or_nil(struct text *body, bool known, uint64_t number)
{
    if (known)
        json_u64(body, number);
    else
        json_nil(body);
}

static void put_counts(struct text *body, const struct visit *visit, const PGresult *res)
{
    char memory[RFC3339_LEN];
    struct text time = text_on(memory, sizeof(memory));
    json_open(body, '{');
    json_member_cstr(body, "event", visit->event);
    json_member_open(body, "columns", '[');
    for (int column = 0; column < COLUMNS; column++)
        json_str(body, span_of(columns[column]));
    json_close(body, ']');
    json_member_open(body, "points", '[');
    int len = PQntuples(res);
    int stride = len / COUNTS_POINTS_MAX + 1;
    for (int i = 0; i < len; i++) {
        if ((len - 1 - i) % stride != 0)
            continue;
        const struct sql_counted_row row = sql_counted_row(res, i);
        json_open(body, '[');
        json_u64(body, row.at_ms);
        json_u64(body, row.completed);
        json_u64(body, row.refunded);
        json_u64(body, row.cancelled);
        json_u64(body, row.expired);
        json_u64(body, row.failed);
        json_u64(body, row.unanswered);
        json_u64(body, row.errors);
        put_number_or_nil(body, row.has_open, row.open);
        put_number_or_nil(body, row.has_parked, row.parked);
        json_u64(body, row.captured);
        json_u64(body, row.given_back);
        json_close(body, ']');
    }
    json_close(body, ']');
    json_member_open(body, "now", '{');
    /* The latest values. Rows that hold only errors do not say how many sagas are open. */
    struct sql_counted_row now = {0}, open = {0}, parked = {0};
    if (len > 0)
        now = open = parked = sql_counted_row(res, len - 1);
    for (int i = len - 2; i >= 0 && !open.has_open; i--)
        open = sql_counted_row(res, i);
    for (int i = len - 2; i >= 0 && !parked.has_parked; i--)
        parked = sql_counted_row(res, i);
    json_member_u64(body, "completed", now.completed);
    json_member_u64(body, "refunded", now.refunded);
    json_member_u64(body, "cancelled", now.cancelled);
    json_member_u64(body, "expired", now.expired);
    json_member_u64(body, "failed", now.failed);
    json_member_u64(body, "unanswered", now.unanswered);
    json_member_u64(body, "errors", now.errors);
    json_member_u64(body, "open", open.open);
    json_member_u64(body, "parked", parked.parked);
    json_member_u64(body, "captured", now.captured);
    json_member_u64(body, "given_back", now.given_back);
    json_close(body, '}');
    rfc3339_put(&time, clock_wall_us(visit->pay->loop->clock) / 1000);
    json_member_str(body, "server_time", text_span(&time));
    json_close(body, '}');
}

static void on_counted(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = MAGIC_OF(visit, ctx);
    char *memory = answer->rc == 0 ? malloc(BODY_MAX) : NULL;
    if (memory == NULL) {
        guard_unavailable(visit->req, answer->rc);
        return;
    }
    struct text body = text_on(memory, BODY_MAX);
    put_counts(&body, visit, answer->results[0]);
    assert(!body.overflown); /* COUNTS_POINTS_MAX rows of at most twelve numbers of 20 digits */
    guard_reply(visit->req, 200, &body, SPAN(""));
    free(memory);
}

static void on_get_counts(struct http_req *req)
{
    struct visit *visit = guard_room(req, sizeof(*visit));
    if (visit == NULL || !guard_id(req, 0, visit->event, sizeof(visit->event)))
        return;
    MAGIC_BEGIN(visit, visit);
    visit->req = req;
    visit->pay = pay_of(req);
    sql_counted(visit->pay->pg, &(struct sql_counted_args){visit->event}, on_counted, visit);
}

const struct http_route order_series_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/counts", on_get_counts, NULL, 0},
    {.pattern = NULL},
};
