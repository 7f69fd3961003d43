/* api.h: the routes of the two APIs, and those of the private listener. */
#ifndef FG_PSP_SANDBOX_API_H
#define FG_PSP_SANDBOX_API_H

#include "http/http.h"

/* Adds a route for every op that has one. */
int api_add_routes(struct http_router *router, struct err_slot *err);
/* Adds the routes by which a test controls the sandbox. */
int api_add_control(struct http_router *router, struct err_slot *err);

#endif
