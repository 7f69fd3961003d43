/* answer.h: queue-front's answers: JSON, a redirect to a page, and failures of a visit as a row of
 * refusals.h. */
#ifndef FG_QUEUE_FRONT_ANSWER_H
#define FG_QUEUE_FRONT_ANSWER_H

#include "api/refusal.h"
#include "core/line/line.h"
#include "front/front.h"
#include "http/http.h"
#include "line/line_store.h"

/* application/json, never stored by a cache. `headers` may be NULL. */
void answer_json(struct http_req *req, unsigned status, const struct text *json,
                 const struct text *headers);
void answer_empty(struct http_req *req, unsigned status, const struct text *headers);
/* 303: after a form without script, redirects the browser to a page. */
void answer_see_other(struct http_req *req, struct span location, const struct text *headers);

/* Redirects to the waiting page; `notice` is a code that the page has words for, or NULL. */
void answer_waiting_page(struct http_req *req, struct span event, const char *notice,
                         const struct text *headers);

/* Redirects a form to the event's page with the row's notice; sends a program the problem. */
void answer_refusal(struct http_req *req, struct span event, enum refusal refusal);
/* 404; 503 until this front has seen all events since its start: the event may exist. */
void answer_event_unknown(struct http_req *req, struct span event);
void answer_starting(struct http_req *req);
void answer_ticket_invalid(struct http_req *req, int why); /* from caller_ticket() */
void answer_pass_invalid(struct http_req *req, int why);
void answer_idem_invalid(struct http_req *req);
/* `why` from jwt_verify(), ERR_NOT_FOUND for no token. 503 for ERR_UNKNOWN, whose key may still
 * arrive, and for ERR_NOMEM. */
void answer_member_required(struct http_req *req, int why, const char *event);
/* FRONT_PENDING_MAX reached, or no memory: retry in a second. */
void answer_overloaded(struct http_req *req);
/* json_in_parse() failed: the body is not JSON, or memory ran out. */
void answer_body_unread(struct http_req *req, const struct err_slot *err);
/* This front has shut the event (front.h); redirects a form to its page. */
void answer_shut(struct http_req *req, struct span event, enum front_shut why);
/* Rejects a join under overload; redirects a form to the event's page. */
void answer_shed(struct http_req *req, struct span event, unsigned retry_after_s);

/* A store outcome as an answer to a visitor. Not for LINE_OK and LINE_SAME. */
struct answer_refusal {
    enum line_outcome outcome;
    enum line_state state;
    uint64_t retry_after_ms;
    enum turn_kind turn; /* LINE_GONE, LINE_EXPIRED: how the visit ended */
    struct span members; /* more members of the problem, or empty */
    struct span page;    /* redirects a form to this event's page; empty: a program called */
};
enum refusal answer_refusal_of(const struct answer_refusal *refusal);
void answer_refuse(struct http_req *req, const struct answer_refusal *refusal);

/* The event in the request's path; NULL: unknown, and answered. */
struct front_line *answer_unless_event(struct http_req *req, const struct front *front);
/* The same, but refuses requests from another origin, as every change must. */
struct front_line *answer_unless_ours(struct http_req *req, const struct front *front);

#endif
