/* move_api.h: POST move: a place is carried to another device. */
#ifndef FG_QUEUE_FRONT_MOVE_API_H
#define FG_QUEUE_FRONT_MOVE_API_H

#include "base/err.h"
#include "http/http.h"

int move_api_routes(struct http_router *routes, struct err_slot *err);

#endif
