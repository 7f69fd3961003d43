/* owners_api.h: the private call that tells where each event is. */
#ifndef FG_SEAT_SERVICE_OWNERS_API_H
#define FG_SEAT_SERVICE_OWNERS_API_H

#include "http/http.h"

int owners_api_routes(struct http_router *private_routes, struct err_slot *err);

#endif
