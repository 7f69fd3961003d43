/* buyer_api.h: the calls of buyers (seat-service/openapi.yaml). Each needs an admission pass. */
#ifndef FG_SEAT_SERVICE_BUYER_API_H
#define FG_SEAT_SERVICE_BUYER_API_H

#include "http/http.h"

extern const struct http_route
    buyer_api_routes[]; /* ends with a row without a pattern, as all route tables do */

#endif
