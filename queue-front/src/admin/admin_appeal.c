/* admin_appeal.c: a visitor who was slowed down gives a reference to the operator's staff, who
 * look it up here. The reference itself says which limit it was and in which minute
 * (core/token/appeal.h). Nobody has recorded who the visitor was, or how many others there were. */
#include "admin/admin.h"

#include "admin/admin_find.h"
#include "api/answer.h"
#include "core/json_time.h"
#include "core/token/appeal.h"

#include <assert.h>
#include <stdlib.h>

enum { MINUTE_MS = 60000, ANSWER_MAX = 512 };

static void answer_appeal(struct http_req *req, const struct front *front,
                          const struct front_line *event, struct span reference)
{
    struct appeal appeal;
    uint64_t now = front_line_now_ms(front, event) / MINUTE_MS;
    int rc = appeal_parse(&event->identity->codes, front_line_id(event), reference, now, &appeal);
    if (rc < 0) {
        refusal_reply(req,
                      rc == ERR_SYNTAX ? REFUSAL_REFERENCE_MISTYPED : REFUSAL_REFERENCE_UNKNOWN);
        return;
    }
    char memory[ANSWER_MAX];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '{');
    json_member_cstr(&json, "event", event->id);
    json_member_cstr(&json, "why", appeal_limit_code(appeal.limit));
    json_member_time(&json, "minute", appeal.minute * MINUTE_MS);
    json_close(&json, '}');
    assert(!json.overflown);
    answer_json(req, 200, &json, NULL);
}

static void on_found(void *ctx, const struct front_line *event, bool unavailable)
{
    struct http_req *req = ctx;
    struct answer_refusal refusal = {.outcome = LINE_UNAVAILABLE, .retry_after_ms = 1000};
    if (unavailable)
        answer_refuse(req, &refusal);
    else if (event == NULL)
        answer_event_unknown(req, http_req_param(req, 0));
    else if (event->identity == NULL)
        answer_shut(req, front_line_id(event), event->shut);
    else
        answer_appeal(req, front_of(req), event, http_req_param(req, 1));
}

static void on_appeal(struct http_req *req)
{
    admin_find(front_of(req), http_req_param(req, 0), on_found, req);
}

const struct http_route admin_appeal_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/appeals/{reference}", on_appeal, NULL, 0},
    {.pattern = NULL},
};
