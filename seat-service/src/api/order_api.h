/* order_api.h: the private calls of the checkout: extend, confirm, release, refund, each by an
 * order, each safe to repeat. */
#ifndef FG_SEAT_SERVICE_ORDER_API_H
#define FG_SEAT_SERVICE_ORDER_API_H

#include "http/http.h"
#include "loop/ended.h"

/* `ended` is borrowed: sessions that are over go there. */
int order_api_routes(struct ended *ended, struct http_router *router, struct err_slot *err);

#endif
