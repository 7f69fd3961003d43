/* api.h: the two APIs as HTTP: who may call, and what the answers look like. */
#ifndef FG_PSP_SANDBOX_API_H
#define FG_PSP_SANDBOX_API_H

#include "http/http.h"

/* A route for every op that has one. */
int api_add_routes(struct http_router *router, struct err_slot *err);

#endif
