/* invite_api.h: the operator's invitations to a lane. */
#ifndef FG_QUEUE_FRONT_INVITE_API_H
#define FG_QUEUE_FRONT_INVITE_API_H

#include "base/err.h"
#include "http/http.h"

int invite_api_routes(struct http_router *private_routes, struct err_slot *err);

#endif
