/* admin_codes.h: the presale codes of an event. */
#ifndef FG_QUEUE_FRONT_ADMIN_CODES_H
#define FG_QUEUE_FRONT_ADMIN_CODES_H

#include "base/err.h"
#include "http/http.h"

int admin_codes_routes(struct http_router *private_routes, struct err_slot *err);

#endif
