/* admin_move.h: actions on an event, and undo. */
#ifndef FG_QUEUE_FRONT_ADMIN_MOVE_H
#define FG_QUEUE_FRONT_ADMIN_MOVE_H

#include "base/err.h"
#include "http/http.h"

int admin_move_routes(struct http_router *private_routes, struct err_slot *err);

#endif
