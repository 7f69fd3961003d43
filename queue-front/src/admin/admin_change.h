/* admin_change.h: an event is created, replaced or patched. */
#ifndef FG_QUEUE_FRONT_ADMIN_CHANGE_H
#define FG_QUEUE_FRONT_ADMIN_CHANGE_H

#include "base/err.h"
#include "http/http.h"

int admin_change_routes(struct http_router *private_routes, struct err_slot *err);

#endif
