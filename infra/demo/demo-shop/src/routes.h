/* routes.h: the routes of each file that has some. */
#ifndef FG_DEMO_SHOP_ROUTES_H
#define FG_DEMO_SHOP_ROUTES_H

#include "http/http.h"

struct catalog;

int login_add_routes(struct http_router *router, struct err_slot *err);
int catalog_add_routes(struct catalog *catalog, struct http_router *router, struct err_slot *err);
int orders_add_routes(struct http_router *router, struct err_slot *err);

#endif
