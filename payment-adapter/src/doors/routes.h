/* routes.h: the calls of scanners and of the operator about doors. */
#ifndef FG_PAY_DOORS_ROUTES_H
#define FG_PAY_DOORS_ROUTES_H

#include "http/http.h"

int door_routes(struct http_router *routes, struct http_router *private_routes,
                struct err_slot *err);

#endif
