/* guard.h: what a request has to pass before anything is done for it. Each returns false after
 * replying. */
#ifndef FG_PAY_GUARD_H
#define FG_PAY_GUARD_H

#include "api/refusal.h"
#include "base/json_in.h"
#include "observe/trace.h"
#include "pay_loop.h"

/* A browser says which site a post comes from; only our own pages may post. Clients that send no
 * Origin are not browsers, and carry no cookies they were not given. */
bool guard_origin(struct http_req *req);
/* Content-Type: application/json */
bool guard_type(struct http_req *req);
/* Refuses a body that json_in_parse() did not read. */
void guard_unread(struct http_req *req, int rc, const struct err_slot *err);
/* Content-Type: application/json, and one JSON object; or the fields of a form. *out is the
 * caller's. */
bool guard_json(struct http_req *req, struct err_slot *err, json_t **out);
/* What `read` copies of such an object to `out`. */
bool guard_read(struct http_req *req, void (*read)(struct json_in *in, void *out), void *out);
/* Of such an object `seats`, places by name and none twice, as a JSON list; false: it has none. */
bool guard_seats(struct json_in *in, char *out, size_t cap);
/* A body of {reason}. */
bool guard_reason(struct http_req *req, char *out, size_t cap);
/* 503 after a failed lookup; `rc` is the database's. */
void guard_unavailable(struct http_req *req, int rc);
/* Somebody is logged in. */
bool guard_session(struct http_req *req, int rc, const struct session *session);
/* The database has answered; and the job's statement of this number has returned a row. */
bool guard_answer(struct http_req *req, const struct pg_answer *answer);
bool guard_row(struct http_req *req, const struct pg_answer *answer, uint32_t result,
               enum refusal refusal);
/* Replies with the JSON in `body` and these headers; 500 if it did not fit. */
void guard_reply(struct http_req *req, unsigned status, const struct text *body,
                 struct span headers);
/* 202: what was asked of the order goes on by itself. `status` may be NULL. */
void guard_begun(struct http_req *req, const char *order, const char *status);

/* Replies with the JSON that a job's last statement has made, or refuses if it has made none. */
void guard_doc(struct http_req *req, unsigned status, const struct pg_answer *answer,
               enum refusal refusal);

/* 204 for an act that names what it did in a row, if it did anything. */
void guard_done(struct http_req *req, const struct pg_answer *answer, enum refusal refusal);

/* Memory for the request, zero at first, until its response. NULL: the request has been answered.
 */
void *guard_room(struct http_req *req, size_t size);

/* Who calls on the private listener, by the name that their token bears, for the trail; NULL: it
 * bears none. Borrowed until the next turn. */
const char *guard_who(const struct http_req *req);

/* The traceparent below which stands what the request causes. */
void guard_trace(struct http_req *req, char out[TRACE_TEXT_LEN + 1]);

/* Of the operators' calls, which may name an order by its number instead of its id. `then` gets the
 * id, at once or later; if no order has the number, the request is answered. */
typedef void guard_on_order(struct http_req *req, const char *id);
void guard_order(struct http_req *req, struct span name, guard_on_order *then);

/* Copies a route's parameter; false (and a 404) if it is not one of our ids. */
bool guard_id(struct http_req *req, unsigned param, char *out, size_t cap);

#endif
