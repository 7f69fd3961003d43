/* admin_appeal.h: what slowed a visitor down, by the reference that they name. */
#ifndef FG_QUEUE_FRONT_ADMIN_APPEAL_H
#define FG_QUEUE_FRONT_ADMIN_APPEAL_H

#include "base/err.h"
#include "http/http.h"

int admin_appeal_routes(struct http_router *private_routes, struct err_slot *err);

#endif
