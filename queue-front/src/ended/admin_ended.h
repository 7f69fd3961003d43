/* admin_ended.h: what an operator may read of events that are over: lists, archives, and the trail
 * of what has none any more. */
#ifndef FG_QUEUE_FRONT_ADMIN_ENDED_H
#define FG_QUEUE_FRONT_ADMIN_ENDED_H

#include "base/err.h"
#include "http/http.h"

int admin_ended_routes(struct http_router *private_routes, struct err_slot *err);

#endif
