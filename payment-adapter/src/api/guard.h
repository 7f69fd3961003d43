/* guard.h: the checks that a request must pass before anything is done for it. Each returns false
 * after replying. */
#ifndef FG_PAY_GUARD_H
#define FG_PAY_GUARD_H

#include "api/refusal.h"
#include "base/json_in.h"
#include "observe/trace.h"
#include "pay_loop.h"

/* A browser sends the Origin of a post; only our own pages may post. Clients without an Origin are
 * not browsers, and send no cookies without being given them. */
bool guard_origin(struct http_req *req);
/* Content-Type: application/json */
bool guard_type(struct http_req *req);
/* Replies for a body that json_in_parse() rejected. */
void guard_unread(struct http_req *req, int rc, const struct err_slot *err);
/* Requires Content-Type: application/json and one JSON object, or a form's fields. The caller owns
 * *out. */
bool guard_json(struct http_req *req, struct err_slot *err, json_t **out);
/* Parses such an object and lets `read` copy its members to `out`. */
bool guard_read(struct http_req *req, void (*read)(struct json_in *in, void *out), void *out);
/* Reads `seats`, a list of distinct place names, as JSON. False: missing or invalid. */
bool guard_seats(struct json_in *in, char *out, size_t cap);
/* A body of {reason}. */
bool guard_reason(struct http_req *req, char *out, size_t cap);
/* 503 after a failed lookup; `rc` is the database's. */
void guard_unavailable(struct http_req *req, int rc);
/* Requires a logged-in member. */
bool guard_session(struct http_req *req, int rc, const struct session *session);
/* Each requires the database's answer; guard_row() also that the job's statement of this number
 * returned a row. */
bool guard_answer(struct http_req *req, const struct pg_answer *answer);
bool guard_row(struct http_req *req, const struct pg_answer *answer, uint32_t result,
               enum refusal refusal);
/* Replies with the JSON in `body` and these headers; 500 if it did not fit. */
void guard_reply(struct http_req *req, unsigned status, const struct text *body,
                 struct span headers);
/* 202: the order continues by itself. `status` may be NULL. */
void guard_begun(struct http_req *req, const char *order, const char *status);

/* Replies with the JSON that the job's last statement returned; refuses if it returned none. */
void guard_doc(struct http_req *req, unsigned status, const struct pg_answer *answer,
               enum refusal refusal);

/* 204 if the statement returned a row, which names what was done; otherwise refuses. */
void guard_done(struct http_req *req, const struct pg_answer *answer, enum refusal refusal);

/* Zeroed memory that lives until the request's response. NULL: the request has been answered. */
void *guard_room(struct http_req *req, size_t size);

/* False: too many requests of the caller's address, or of its IPv6 network. */
bool guard_site(struct http_req *req, struct gate_set *sites);

/* The name in the token of a caller on the private listener, for the audit trail; NULL: it has
 * none. Borrowed until the next turn. */
const char *guard_who(const struct http_req *req);

/* The traceparent for what the request causes. */
void guard_trace(struct http_req *req, char out[TRACE_TEXT_LEN + 1]);

/* For the operators' calls, which may name an order by its number instead of its id. `then` gets
 * the id, possibly synchronously; if no order has the number, the request is answered. */
typedef void guard_on_order(struct http_req *req, const char *id);
void guard_order(struct http_req *req, struct span name, guard_on_order *then);

/* Copies a route's parameter. False, after a 404: not an id of ours. */
bool guard_id(struct http_req *req, unsigned param, char *out, size_t cap);

#endif
