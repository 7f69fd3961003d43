/* admin_change.c: PUT and PATCH of an event's document. A patch is applied to the stored document
 * in this front's picture, and the result is validated as a whole. The audit trail gets the members
 * that differ; an empty change is not recorded. The set of lanes and the promise of the draw are
 * fixed once people rely on them; the number of shards is fixed from the beginning. */
#include "admin/admin.h"

#include "admin/act.h"
#include "admin/admin_answer.h"
#include "admin/admin_draw.h"
#include "api/answer.h"
#include "api/refusal.h"

#include <stdlib.h>

struct change {
    struct act act;
    bool whole; /* PUT: the previous document does not matter */
};

static bool is_whole(const struct act *act)
{
    return ((const struct change *)act)->whole;
}

/* Invitations and codes are bound to a lane's number, so a remaining lane keeps its number, and a
 * lane that has any remains. Codes are counted for all lanes together. */
static bool keeps_numbers(const struct front_line *event, const struct event_doc *doc)
{
    const struct event_doc *was = &event->doc;
    for (uint32_t i = 0; i < was->lanes_len; i++) {
        bool is_bound = was->lane[i].invitations > 0 || line_codes_known(event->view) > 0;
        if (is_bound && (i >= doc->lanes_len || strcmp(was->lane[i].id, doc->lane[i].id) != 0))
            return false;
        for (uint32_t k = 0; k < doc->lanes_len; k++) {
            if (i != k && strcmp(was->lane[i].id, doc->lane[k].id) == 0)
                return false;
        }
    }
    return true;
}

/* The set of lanes is fixed once people may join. Of an unreadable document only their number is
 * known, so its repair has to keep that. */
static bool keeps_lanes(const struct front_line *event, const struct event_doc *doc)
{
    if (event->view->state == LINE_DRAFT || event->view->state == LINE_SCHEDULED)
        return event->shut == FRONT_SHUT_DOCUMENT || keeps_numbers(event, doc);
    if (event->shut == FRONT_SHUT_DOCUMENT)
        return doc->lanes_len == line_lanes(event->view->knobs.shares);
    return event_doc_same_lanes(&event->doc, doc);
}

/* Probably a mistake, such as in a draft that was copied from last year. */
static bool closes_at_once(const struct act *act, const struct front_line *event)
{
    uint64_t closes_ms = act->doc.closes_at_ms;
    uint64_t now_ms =
        event != NULL ? front_line_now_ms(act->front, event) : front_wall_s(act->front) * 1000;
    bool is_new = event == NULL || event->doc.closes_at_ms != closes_ms;
    return closes_ms > 0 && closes_ms <= now_ms && is_new &&
           (event == NULL || event->view->state != LINE_CLOSED);
}

static bool make_document(struct act *act, const struct front_line *event)
{
    /* A patch needs the stored document. A whole one can still replace it. */
    if (event != NULL && !is_whole(act) && !act_may_rewrite(act, event))
        return false;
    struct event_doc_fault fault = {{0}, {0}};
    struct event_doc_now now = {.state = LINE_DRAFT, .version = 0};
    struct span base = SPAN("{}");
    if (event != NULL) {
        now = (struct event_doc_now){.state = event->view->state, .version = event->view->version};
        if (!is_whole(act))
            base = event->view->doc;
    }
    int rc = event_doc_patch(base, http_req_body(act->req), span_of(act->line.event), &now, &fault,
                             &act->doc);
    const struct event_doc *doc = &act->doc;
    uint64_t shards = event != NULL ? event->view->knobs.shards : doc->shards;
    if (rc == 0 && doc->shards != (shards > 1 ? shards : 1))
        fault = (struct event_doc_fault){"/shards", "is fixed once the event exists"};
    else if (rc == 0 && event != NULL && !keeps_lanes(event, doc))
        fault = (struct event_doc_fault){
            "/lanes",
            "keep their order, and their ids while there are invitations or codes; once people may "
            "join, only names, shares and invitations change"};
    else if (rc == 0 && closes_at_once(act, event))
        fault = (struct event_doc_fault){
            "/closes_at",
            "is over: the event would close at once, for good. The action close does so"};
    if (rc == 0 && fault.rule[0] != '\0')
        rc = ERR_RANGE;
    if (rc < 0) {
        admin_answer_fault(act->req, rc, &fault);
        return false;
    }
    return admin_draw_settle(act, event) && act_put_document(act);
}

static void count_live(struct front_line *line, void *ctx)
{
    *(unsigned *)ctx += !line->view->resting;
}

static void create_event(struct act *act)
{
    unsigned live = 0;
    front_each_event(act->front, count_live, &live);
    if (live >= STORE_EVENTS_MAX) {
        refusal_say(act->req, REFUSAL_TOO_MANY_EVENTS, "There are %d lines already that run.",
                    STORE_EVENTS_MAX);
        return;
    }
    if (!make_document(act, NULL))
        return;
    struct text to = {.ptr = act->json, .len = act->line.doc.len};
    act_audit(act, "create", SPAN("null"), act_audit_side(&to));
    act->created = true;
    act_ask_sealed(act, LINE_CREATE, act_done);
}

static void change_event(struct act *act, const struct front_line *event)
{
    if (!make_document(act, event))
        return;
    static const size_t half = EVENT_DOC_BYTES_MAX + 256; /* a side is at most the whole document */
    char *memory = malloc(2 * half);
    if (memory == NULL) {
        answer_overloaded(act->req);
        return;
    }
    struct text from = text_on(memory, half), to = text_on(memory + half, half);
    bool differs = false;
    int rc = event_doc_diff(event->view->doc, act->line.doc, &from, &to, &differs);
    if (rc == ERR_NOMEM) {
        answer_overloaded(act->req);
    } else if (rc < 0 || differs || event->shut == FRONT_SHUT_DOCUMENT) {
        act_audit(act, is_whole(act) ? "replace" : "change", act_audit_side(&from),
                  act_audit_side(&to));
        act->line.if_version = act->if_match != 0 ? act->if_match : event->view->version;
        act_ask_sealed(act, LINE_CHANGE, act_done);
    } else { /* nothing to record, but If-Match must still hold */
        if (act->if_match != 0 && act->if_match != event->view->version)
            admin_answer_mismatch(act->req, event->view->version);
        else
            admin_answer_event(act->req, event);
    }
    free(memory);
}

static void change(struct act *act, const struct front_line *event)
{
    act->has_doc = true;
    if (event == NULL)
        create_event(act);
    else
        change_event(act, event);
}

static void on_put(struct http_req *req)
{
    struct front *front = front_of(req);
    struct span id = http_req_param(req, 0);
    if (!line_event_id_ok(id)) {
        refusal_say(req, REFUSAL_EVENT_ID,
                    "An event's id is 1 to %d of a-z, 0-9 and '-', and does not begin with '-'.",
                    LINE_EVENT_ID_MAX);
        return;
    }
    struct span none_match = http_req_header(req, HTTP_HEADER_IF_NONE_MATCH);
    const struct front_line *event = front_line_find(front, id);
    bool create_only = span_eq(none_match, SPAN("*"));
    if (create_only && event != NULL) {
        admin_answer_mismatch(req, event->view->version);
        return;
    }
    struct change *put = act_begin(req, sizeof(*put), change);
    if (put == NULL)
        return;
    put->whole = true;
    put->act.create_only = create_only;
    put->act.creates = put->act.if_match == 0;
    act_try(&put->act);
}

static void on_patch(struct http_req *req)
{
    struct change *patch = act_begin(req, sizeof(*patch), change);
    if (patch != NULL)
        act_try(&patch->act);
}

const struct http_route admin_change_routes[] = {
    {HTTP_METHOD_PUT, "/admin/events/{event}", on_put, NULL, ADMIN_BODY_MAX},
    {HTTP_METHOD_PATCH, "/admin/events/{event}", on_patch, NULL, ADMIN_BODY_MAX},
    {.pattern = NULL},
};
