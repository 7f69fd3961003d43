/* admin_rows.c: the audit trail and the series of figures, handed on as they come from Redis,
 * newest first.
 *
 * Both are asked of Redis at each request rather than kept in memory: operators read them
 * rarely, and a front that kept them would keep them for every event. The rows are bounded by
 * the call, not by the store. */
#include "admin/admin.h"

#include "admin/act.h"
#include "api/answer.h"
#include "api/refusal.h"

#include <inttypes.h>
#include <stdlib.h>

struct rows {
    struct act act;
    enum line_admin_call call;
};

static void on_read(struct line_admin *line)
{
    struct act *act = act_of_line(line);
    if (line->outcome != LINE_OK && line->outcome != LINE_SAME) {
        act_refuse(act);
        return;
    }
    size_t cap = line->reply.len + 256;
    char *memory = malloc(cap);
    if (memory == NULL) {
        answer_overloaded(act->req);
        act_end(act);
        return;
    }
    struct text json = text_on(memory, cap);
    json_open(&json, '{');
    json_member_cstr(&json, "event", line->event);
    json_member_raw(&json, line->call == LINE_AUDIT ? "audit" : "series", line->reply);
    json_close(&json, '}');
    answer_json(act->req, 200, &json, NULL);
    free(memory);
    act_end(act);
}

static void ask_rows(struct act *act, const struct front_line *event)
{
    (void)event;
    act_ask(act, ((struct rows *)act)->call, on_read);
}

static void read_rows(struct http_req *req, enum line_admin_call call, uint32_t limit,
                      uint64_t limit_max)
{
    struct span given = http_req_query_arg(req, SPAN("limit"));
    uint64_t wanted = limit;
    if (given.ptr != NULL && (!span_u64(given, limit_max, &wanted) || wanted == 0)) {
        refusal_say(req, REFUSAL_LIMIT, "limit is a number from 1 to %" PRIu64 ".", limit_max);
        return;
    }
    struct rows *rows = act_begin(req, sizeof(*rows), ask_rows);
    if (rows == NULL)
        return;
    rows->call = call;
    rows->act.line.limit = (uint32_t)wanted;
    act_try(&rows->act);
}

static void on_audit(struct http_req *req)
{
    read_rows(req, LINE_AUDIT, AUDIT_ROWS_DEFAULT, AUDIT_ROWS_MAX);
}

static void on_series(struct http_req *req)
{
    read_rows(req, LINE_SERIES, SERIES_ROWS_DEFAULT, SERIES_ROWS_MAX);
}

const struct http_route admin_rows_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/audit", on_audit, NULL, 0},
    {HTTP_METHOD_GET, "/admin/events/{event}/series", on_series, NULL, 0},
    {.pattern = NULL},
};
