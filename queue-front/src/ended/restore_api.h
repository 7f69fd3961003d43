/* restore_api.h: an event is restored from its archive. */
#ifndef FG_QUEUE_FRONT_RESTORE_API_H
#define FG_QUEUE_FRONT_RESTORE_API_H

#include "base/err.h"
#include "http/http.h"

int restore_api_routes(struct http_router *private_routes, struct err_slot *err);

#endif
