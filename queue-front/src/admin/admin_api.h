/* admin_api.h: the operator's calls, on the private listener: events, their knobs and actions, the
 * audit trail, the time series. */
#ifndef FG_QUEUE_FRONT_ADMIN_API_H
#define FG_QUEUE_FRONT_ADMIN_API_H

#include "base/err.h"
#include "http/http.h"

int admin_api_routes(struct http_router *private_routes, struct err_slot *err);

#endif
