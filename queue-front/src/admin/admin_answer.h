/* admin_answer.h: answers an operator with a document, or with the reason for a refusal. */
#ifndef FG_QUEUE_FRONT_ADMIN_ANSWER_H
#define FG_QUEUE_FRONT_ADMIN_ANSWER_H

#include "core/event/event_doc.h"
#include "core/event/event_state.h"
#include "http/http.h"

struct front_line;

/* As this front knows it. */
void admin_answer_event(struct http_req *req, const struct front_line *event);
void admin_answer_document(struct http_req *req, unsigned status, const struct event_doc *doc,
                           const struct event_doc_now *now);
/* This front cannot read the event's document: 503 `document-unreadable`, with the fault. */
void admin_answer_unreadable(struct http_req *req, const struct front_line *event);
/* An action on the event succeeded: {id, state, version}. */
void admin_answer_moved(struct http_req *req, const struct front_line *event);
void admin_answer_fault(struct http_req *req, int rc, const struct event_doc_fault *fault);
void admin_answer_mismatch(struct http_req *req, uint64_t version);
/* NULL: this front no longer has the event. */
void admin_answer_drawn(struct http_req *req, const struct front_line *event);
void admin_answer_illegal(struct http_req *req, enum line_state state, enum event_action action);

#endif
