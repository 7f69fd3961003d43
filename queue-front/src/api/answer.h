/* answer.h: the ways queue-front answers: JSON, a page to go on to, and what can go wrong
 * with a visit as a row of refusals.h. */
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
/* 303: after a form without script, the browser goes on to a page. */
void answer_see_other(struct http_req *req, struct span location, const struct text *headers);

/* On to the waiting page; `notice` is a code that the page has words for, or NULL. */
void answer_waiting_page(struct http_req *req, struct span event, const char *notice,
                         const struct text *headers);

/* A form is led to the event's page with the row's notice; a program gets the problem. */
void answer_refusal(struct http_req *req, struct span event, enum refusal refusal);
/* 404; 503 while this front has not seen all events since its start, because the event may exist.
 */
void answer_event_unknown(struct http_req *req, struct span event);
void answer_starting(struct http_req *req);
void answer_ticket_invalid(struct http_req *req, int why); /* as caller_ticket() told */
void answer_pass_invalid(struct http_req *req, int why);
void answer_idem_invalid(struct http_req *req);
/* `why` as jwt_verify() told, ERR_NOT_FOUND for no token; 503 for ERR_UNKNOWN, whose key may come,
 * and for ERR_NOMEM. */
void answer_member_required(struct http_req *req, int why, const char *event);
/* FRONT_PENDING_MAX, or no memory: come back in a second. */
void answer_overloaded(struct http_req *req);
/* json_in_parse() has refused the body: it is not JSON, or memory ran out. */
void answer_body_unread(struct http_req *req, const struct err_slot *err);
/* This front has shut the event (front.h); a form is led to its page. */
void answer_shut(struct http_req *req, struct span event, enum front_shut why);
/* A join that is one too many: a form is led to the page of the event. */
void answer_shed(struct http_req *req, struct span event, unsigned retry_after_s);

/* What the store's outcome means to a visitor. Not for LINE_OK and LINE_SAME. */
struct answer_refusal {
    enum line_outcome outcome;
    enum line_state state;
    uint64_t retry_after_ms;
    enum turn_kind turn; /* LINE_GONE, LINE_EXPIRED: of a visit there was */
    struct span members; /* more members of the problem, or not there */
    struct span page;    /* the event to whose page a form is led; not there: for a program */
};
enum refusal answer_refusal_of(const struct answer_refusal *refusal);
void answer_refuse(struct http_req *req, const struct answer_refusal *refusal);

/* The event that the address names; NULL: there is none, and it was answered. */
struct front_line *answer_unless_event(struct http_req *req, const struct front *front);
/* The same, and refuses what a page of another origin sends, as every change must. */
struct front_line *answer_unless_ours(struct http_req *req, const struct front *front);

#endif
