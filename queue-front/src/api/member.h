/* member.h: the shop's member behind a request, from a token that the shop signed: the header
 * X-Member-Token, or a cookie that the shop has set for its site. */
#ifndef FG_QUEUE_FRONT_MEMBER_H
#define FG_QUEUE_FRONT_MEMBER_H

#include "core/token/visitor.h"
#include "crypto/member_name.h"
#include "front/front.h"

/* For a members' event: the member, and the lane that the token's claim `lane` opens. True without
 * idem if the event is open to everybody and no lane was claimed. False: answered with 401
 * `member-required`. */
bool member_check(struct http_req *req, struct front *front, const struct front_line *event,
                  struct visitor *member, unsigned *lane);

/* Whether it has a token, valid or not, where that decides about a join. */
bool member_shows_token(const struct http_req *req, const struct front_line *event);

/* The lane that a token opens to a visitor with a place in the general line; 0: none. */
unsigned member_lane(const struct http_req *req, struct front *front,
                     const struct front_line *event);

/* Whether the ticket belongs to this member. An expired token is accepted: nobody should be
 * rejected for having waited an hour. False: answered, 401 or 403 `member-differs`. True: *name is
 * the member's name in passes. */
bool member_holds(struct http_req *req, struct front *front, const struct front_line *event,
                  const uint8_t visitor[LINE_VISITOR_BYTES], struct member_name *name_or_null);

#endif
