/* caller.h: what a request says about its sender: ticket, pass, visitor, origin, language. */
#ifndef FG_QUEUE_FRONT_CALLER_H
#define FG_QUEUE_FRONT_CALLER_H

#include "core/token/pass.h"
#include "front/front.h"
#include "web/lang.h"

/* The ticket of this request, as bearer or as the event's cookie; a bearer that is a pass does
 * not count. ERR_NOT_FOUND: there is none; ERR_EXISTS: a good one, but of an earlier event of
 * this id; ERR_STATE: a good one, but its place was carried to another device (then *out is
 * written as well); ERR_CLOSED: this front does not see its lane yet; otherwise as
 * ticket_parse() answers. */
int caller_ticket(const struct http_req *req, const struct front *front,
                  const struct front_line *event, struct ticket *out);
/* Its characters, unverified; absent if there is none. */
struct span caller_ticket_text(const struct http_req *req, const struct front_line *event);
/* Did it come as a bearer? Then it was sent on purpose, and a bad one is an error. */
bool caller_ticket_is_bearer(const struct http_req *req);

/* The pass of this request, as bearer or as the event's cookie; ERR_NOT_FOUND, ERR_EXISTS as above,
 * ERR_FULL: too many of this session were wrong within a minute; or as pass_verify(). `run_out_ok`:
 * of somebody who asks about their visit, which may have outlived its pass, as its clock is
 * paused while the seats are down. Redis knows. */
int caller_pass(const struct http_req *req, struct front *front, const struct front_line *event,
                bool run_out_ok, struct pass *out);

/* Where the owner of a ticket stands: `line` as the ticket names it, `entry` of the ticket. Asking
 * is a sign of life, whether by page, request or stream; it costs no Redis operation. *unread:
 * there is a pass that there was no memory to read, and the place is that of the picture, which
 * does not know who is inside; NULL: that will do. */
struct place caller_place(const struct http_req *req, const struct front *front,
                          const struct front_line *line, uint64_t entry, bool *unread);

/* False: another site's page has sent this with the visitor's cookies. */
bool caller_same_origin(const struct http_req *req, const struct front *front);

/* Whose an Idempotency-Key is: the visitor cookie's or, without one, the network's that the request
 * comes from; `site` takes that. */
struct span caller_whose(const struct http_req *req, uint8_t site[16]);

bool caller_wants_page(const struct http_req *req); /* a form without script, not a program */

/* Adds a Set-Cookie line: HttpOnly, SameSite=Lax, Secure under TLS. An empty value deletes it. */
void caller_set_cookie(const struct http_req *req, struct text *headers, struct span name,
                       struct span value, uint64_t max_age_s);

#endif
