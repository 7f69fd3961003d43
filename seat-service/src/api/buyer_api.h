/* buyer_api.h: the calls of buyers (seat-service/openapi.yaml). Each needs an admission pass. */
#ifndef FG_SEAT_SERVICE_BUYER_API_H
#define FG_SEAT_SERVICE_BUYER_API_H

#include "http/http.h"

int buyer_api_routes(struct http_router *router, struct err_slot *err);

#endif
