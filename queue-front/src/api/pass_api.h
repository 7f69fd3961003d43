/* pass_api.h: the requests of a visitor who was called: pass, session, leave, verify, the public
 * keys; and the end of a session, reported by another service. */
#ifndef FG_QUEUE_FRONT_PASS_API_H
#define FG_QUEUE_FRONT_PASS_API_H

#include "base/err.h"
#include "http/http.h"

int pass_api_routes(struct http_router *routes, struct http_router *private_routes,
                    struct err_slot *err);

#endif
