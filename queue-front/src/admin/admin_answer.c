/* admin_answer.c: answers shared by several operator calls.
 *
 * A document always comes with its state and version, and the version is the ETag, so that the next
 * change can name the version it is based on. A refusal for a document that this program cannot
 * read names the member and the rule: an operator who runs two versions side by side has to see
 * which of them is too old. */
#include "admin/admin_answer.h"

#include "api/answer.h"
#include "api/refusal.h"
#include "front/front.h"

#include <stdio.h>

static void put_etag(struct text *headers, uint64_t version)
{
    TEXT_LIT(headers, "ETag: \"");
    text_u64(headers, version);
    TEXT_LIT(headers, "\"\r\n");
}

void admin_answer_document(struct http_req *req, unsigned status, const struct event_doc *doc,
                           const struct event_doc_now *now)
{
    char json_memory[EVENT_DOC_BYTES_MAX + 1024], header_memory[256];
    struct text json = text_on(json_memory, sizeof(json_memory));
    struct text headers = text_on(header_memory, sizeof(header_memory));
    event_doc_show(&json, doc, now);
    put_etag(&headers, now->version);
    if (status == 201) {
        TEXT_LIT(&headers, "Location: /admin/events/");
        text_str(&headers, doc->id);
        TEXT_LIT(&headers, "\r\n");
    }
    answer_json(req, status, &json, &headers);
}

void admin_answer_event(struct http_req *req, const struct front_line *event)
{
    const struct line_view *view = event->view;
    admin_answer_document(
        req, 200, &event->doc,
        &(struct event_doc_now){view->state, view->version, &view->pilot, view->incarnation});
}

void admin_answer_unreadable(struct http_req *req, const struct front_line *event)
{
    const struct event_doc_fault *fault = &event->doc_fault;
    char memory[1024], detail[512];
    struct text members = text_on(memory, sizeof(memory));
    json_member_cstr(&members, "state", event_state_name(event->view->state));
    json_member_u64(&members, "version", event->view->version);
    json_member_cstr(&members, "pointer", fault->pointer);
    json_member_cstr(&members, "rule", fault->rule);
    snprintf(detail, sizeof(detail), "What is stored cannot be read by this program: %s %s",
             fault->pointer[0] != '\0' ? fault->pointer : "the document", fault->rule);
    refusal_reply_more(req, REFUSAL_DOCUMENT,
                       &(struct refusal_more){.detail = detail, .members = text_span(&members)});
}

void admin_answer_moved(struct http_req *req, const struct front_line *event)
{
    char json_memory[LINE_EVENT_ID_MAX + 128], header_memory[64];
    struct text json = text_on(json_memory, sizeof(json_memory));
    struct text headers = text_on(header_memory, sizeof(header_memory));
    json_open(&json, '{');
    json_member_cstr(&json, "id", event->id);
    json_member_cstr(&json, "state", event_state_name(event->view->state));
    json_member_u64(&json, "version", event->view->version);
    json_close(&json, '}');
    put_etag(&headers, event->view->version);
    answer_json(req, 200, &json, &headers);
}

void admin_answer_fault(struct http_req *req, int rc, const struct event_doc_fault *fault)
{
    if (rc == ERR_NOMEM) {
        answer_overloaded(req);
        return;
    }
    if (rc == ERR_SYNTAX) {
        refusal_say(req, REFUSAL_JSON, "The body is not a JSON document: %s", fault->rule);
        return;
    }
    char memory[1024];
    struct text members = text_on(memory, sizeof(memory));
    json_member_cstr(&members, "pointer", fault->pointer);
    json_member_cstr(&members, "rule", fault->rule);
    char detail[512];
    snprintf(detail, sizeof(detail), "%s %s",
             fault->pointer[0] != '\0' ? fault->pointer : "The document", fault->rule);
    refusal_reply_more(req, REFUSAL_KNOB,
                       &(struct refusal_more){.detail = detail, .members = text_span(&members)});
}

void admin_answer_mismatch(struct http_req *req, uint64_t version)
{
    char memory[64];
    struct text members = text_on(memory, sizeof(memory));
    json_member_u64(&members, "version", version);
    refusal_reply_more(req, REFUSAL_VERSION,
                       &(struct refusal_more){.members = text_span(&members)});
}

/* A second click, or two operators at once: there was one draw, and this is its result. */
void admin_answer_drawn(struct http_req *req, const struct front_line *event)
{
    char memory[64];
    struct text members = text_on(memory, sizeof(memory));
    if (event != NULL && event->view->draw.drawn)
        json_member_u64(&members, "entries", event->view->draw.order.entries);
    refusal_reply_more(req, REFUSAL_DRAWN, &(struct refusal_more){.members = text_span(&members)});
}

void admin_answer_illegal(struct http_req *req, enum line_state state, enum event_action action)
{
    char memory[256], detail[128];
    struct text members = text_on(memory, sizeof(memory));
    json_member_cstr(&members, "state", event_state_name(state));
    json_key(&members, "legal");
    event_state_legal(state, &members);
    snprintf(detail, sizeof(detail), "An event that is %s does not take \"%s\".",
             event_state_name(state), event_action_name(action));
    refusal_reply_more(req, REFUSAL_ILLEGAL,
                       &(struct refusal_more){.detail = detail, .members = text_span(&members)});
}
