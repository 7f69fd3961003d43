/* end_api.c: a closed event is archived and then deleted. Both requests name a version, so that
 * nobody ends an event in a state they have not seen, and add a last audit entry with the event's
 * totals. Deleting without an archive loses everything, so it has to be requested explicitly. */
#include "ended/ended.h"

#include "admin/act.h"
#include "admin/admin_answer.h"
#include "api/answer.h"
#include "api/refusal.h"
#include "core/event/event_state.h"

#include <assert.h>

static void audit_end(struct act *act, const struct front_line *event, const char *what)
{
    struct front_sum sum = front_sum(act->front, event);
    char memory[256];
    struct text from = text_on(memory, sizeof(memory));
    json_open(&from, '{');
    json_member_cstr(&from, "event", act->line.event);
    json_member_u64(&from, "version", event->view->version);
    json_member_cstr(&from, "state", event_state_name(event->view->state));
    json_member_u64(&from, "issued", sum.issued);
    json_member_u64(&from, "admitted", sum.admitted);
    json_close(&from, '}');
    assert(!from.overflown);
    act_audit(act, what, text_span(&from), SPAN("null"));
}

static void answer_archived(struct act *act)
{
    const struct line_admin *line = &act->line;
    const struct front_line *event = act_event(act);
    if (line->outcome == LINE_CONFLICT) {
        admin_answer_mismatch(act->req, line->version);
    } else if (line->outcome == LINE_WRONG_STATE) {
        refusal_reply(act->req, REFUSAL_NOT_CLOSED_ARCHIVE);
    } else if (line->outcome == LINE_OK && event != NULL) {
        struct event_doc_now now = {line->state, line->version, &event->view->pilot,
                                    event->view->incarnation};
        admin_answer_document(act->req, 200, &event->doc, &now);
    } else {
        act_refuse(act);
    }
}

static void answer_deleted(struct act *act)
{
    enum line_outcome outcome = act->line.outcome;
    if (outcome == LINE_CONFLICT)
        admin_answer_mismatch(act->req, act->line.version);
    else if (outcome == LINE_WRONG_STATE)
        refusal_reply(act->req, REFUSAL_NOT_CLOSED_DELETE);
    else if (outcome == LINE_NOT_YET)
        refusal_reply(act->req, REFUSAL_NOT_ARCHIVED);
    else if (outcome == LINE_OK)
        answer_empty(act->req, 204, NULL);
    else
        act_refuse(act);
}

static void archive_event(struct act *act, const struct front_line *event)
{
    if (act->if_match == 0) {
        refusal_reply(act->req, REFUSAL_IF_MATCH_MISSING);
        return;
    }
    audit_end(act, event, "archive");
    act->line.if_version = act->if_match;
    act_ask(act, LINE_ARCHIVE, answer_archived);
}

static void delete_event(struct act *act, const struct front_line *event)
{
    if (act->if_match == 0) {
        refusal_reply(act->req, REFUSAL_IF_MATCH_MISSING);
        return;
    }
    audit_end(act, event, "delete");
    act->line.if_version = act->if_match;
    act->line.unarchived = span_eq(http_req_query_arg(act->req, SPAN("unarchived")), SPAN("true"));
    act_ask(act, LINE_DELETE, answer_deleted);
}

static void on_archive(struct http_req *req)
{
    struct act *act = act_begin(req, sizeof(*act), archive_event);
    if (act != NULL && act_read_body(act, &(struct act_words){.beacon = NULL}))
        act_try(act);
}

static void on_delete(struct http_req *req)
{
    struct act *act = act_begin(req, sizeof(*act), delete_event);
    if (act != NULL)
        act_try(act);
}

const struct http_route end_api_routes[] = {
    {HTTP_METHOD_POST, "/admin/events/{event}/actions/archive", on_archive, NULL, ADMIN_BODY_MAX},
    {HTTP_METHOD_DELETE, "/admin/events/{event}", on_delete, NULL, 0},
    {.pattern = NULL},
};
