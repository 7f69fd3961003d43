/* operator_api.h: the private calls of the operator: import, block, unblock, move, price, export,
 * time series of counts. */
#ifndef FG_SEAT_SERVICE_OPERATOR_API_H
#define FG_SEAT_SERVICE_OPERATOR_API_H

#include "http/http.h"

extern const struct http_route operator_api_routes[];

#endif
