/* member.h: which member of the shop a request comes from: by a token that the shop has signed, as
 * the header X-Member-Token or as a cookie that the shop has set for its site. */
#ifndef FG_QUEUE_FRONT_MEMBER_H
#define FG_QUEUE_FRONT_MEMBER_H

#include "core/token/visitor.h"
#include "crypto/member_name.h"
#include "front/front.h"

/* Where the event is for members: who it is, and the lane that the token's claim `lane` opens.
 * True, and no idem, where it is for everybody and no lane was claimed. False: the request was
 * answered, 401 `member-required`. */
bool member_check(struct http_req *req, struct front *front, const struct front_line *event,
                  struct visitor *member, unsigned *lane);

/* The lane that a token opens to a visitor who has a place in the general one; 0: none does. */
unsigned member_lane(const struct http_req *req, struct front *front,
                     const struct front_line *event);

/* Does the ticket belong to this member? An expired token still says who it was: nobody should
 * be turned away for having waited an hour. False: answered, 401 or 403 `member-differs`. True:
 * *name is what the member is called in passes. */
bool member_holds(struct http_req *req, struct front *front, const struct front_line *event,
                  const uint8_t visitor[LINE_VISITOR_BYTES], struct member_name *name_or_null);

#endif
