/* routes.h: each adds a part of the operator's API. */
#ifndef FG_PAY_ADMIN_ROUTES_H
#define FG_PAY_ADMIN_ROUTES_H

#include "http/http.h"

int admin_routes(struct http_router *private_routes, struct err_slot *err);
int event_routes(struct http_router *private_routes, struct err_slot *err);
int desk_routes(struct http_router *private_routes, struct err_slot *err);
int order_series_routes(struct http_router *private_routes, struct err_slot *err);
int setup_routes(struct http_router *private_routes, struct err_slot *err);

#endif
