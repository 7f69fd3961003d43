/* hall_api.h: the hall's plan, and the current state of every seat. */
#ifndef FG_SEAT_SERVICE_HALL_API_H
#define FG_SEAT_SERVICE_HALL_API_H

#include "loop/call.h"

/* Answer a call whose event was found and whose caller may see it. */
void hall_api_reply_plan(struct call *call);
/* `again` is the call's handler, in case it has to wait (request_since()). */
void hall_api_reply_seats(struct call *call, void (*again)(struct http_req *req));

/* For operators, on the private listener: the same responses without a pass. */
extern const struct http_route hall_api_routes[];

#endif
