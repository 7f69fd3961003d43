/* order_api.h: the private calls of the checkout: extend, confirm, release, refund, each for an
 * order, and each idempotent. */
#ifndef FG_SEAT_SERVICE_ORDER_API_H
#define FG_SEAT_SERVICE_ORDER_API_H

#include "http/http.h"

extern const struct http_route order_api_routes[];

#endif
