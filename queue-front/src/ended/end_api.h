/* end_api.h: an event is archived or deleted. */
#ifndef FG_QUEUE_FRONT_END_API_H
#define FG_QUEUE_FRONT_END_API_H

#include "base/err.h"
#include "http/http.h"

int end_api_routes(struct http_router *private_routes, struct err_slot *err);

#endif
