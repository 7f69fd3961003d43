/* caller.h: the sender of a request: ticket, pass, visitor, origin, language. */
#ifndef FG_QUEUE_FRONT_CALLER_H
#define FG_QUEUE_FRONT_CALLER_H

#include "core/token/pass.h"
#include "front/front.h"
#include "web/lang.h"

/* The ticket of this request, from the bearer or the event's cookie; a bearer that is a pass does
 * not count. ERR_NOT_FOUND: no ticket; ERR_EXISTS: valid, but of an earlier event with this id;
 * ERR_STATE: valid, but its place moved to another device (*out is written too); ERR_CLOSED: this
 * front does not see its lane yet; otherwise as ticket_parse(). */
int caller_ticket(const struct http_req *req, const struct front *front,
                  const struct front_line *event, struct ticket *out);
/* The ticket's characters, unverified; empty if there is none. */
struct span caller_ticket_text(const struct http_req *req, const struct front_line *event);
/* A bearer was sent on purpose, so an invalid one is an error. */
bool caller_ticket_is_bearer(const struct http_req *req);

/* The pass of this request, from the bearer or the event's cookie. ERR_NOT_FOUND, ERR_EXISTS as
 * above; ERR_FULL: too many invalid passes of this session within a minute; otherwise as
 * pass_verify(). `run_out_ok`: accept an expired pass: the visit may have outlived it, since its
 * clock pauses while the seats are down. Redis knows. */
int caller_pass(const struct http_req *req, struct front *front, const struct front_line *event,
                bool run_out_ok, struct pass *out);

/* The place of a ticket's owner: `line` and `entry` of the ticket. Each call is a sign of life,
 * from page, request or stream, without a Redis call. *unread: there was no memory to read the
 * pass, so the place is from the picture, which does not know who is inside; may be NULL. */
struct place caller_place(const struct http_req *req, const struct front *front,
                          const struct front_line *line, uint64_t entry, bool *unread);

/* False: sent by another site's page with the visitor's cookies. */
bool caller_same_origin(const struct http_req *req, const struct front *front);

/* The owner of an Idempotency-Key: the visitor cookie or, without one, the request's network, which
 * is written to `site`. */
struct span caller_whose(const struct http_req *req, uint8_t site[16]);

bool caller_wants_page(const struct http_req *req); /* a form without script, no program */

/* Adds a Set-Cookie line: HttpOnly, SameSite=Lax, Secure under TLS. An empty value deletes it. */
void caller_set_cookie(const struct http_req *req, struct text *headers, struct span name,
                       struct span value, uint64_t max_age_s);

#endif
