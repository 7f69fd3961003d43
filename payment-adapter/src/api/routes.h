/* routes.h: each adds a part of the API. */
#ifndef FG_PAY_API_ROUTES_H
#define FG_PAY_API_ROUTES_H

#include "http/http.h"

int login_routes(struct http_router *routes, struct err_slot *err);
int order_routes(struct http_router *routes, struct err_slot *err);
int move_routes(struct http_router *private_routes, struct err_slot *err);
int ticket_routes(struct http_router *routes, struct err_slot *err);
int webhook_routes(struct http_router *routes, struct err_slot *err);

#endif
