/* control.h: the private calls by which a test makes things go wrong and reads what came of it. */
#ifndef FG_PSP_SANDBOX_CONTROL_H
#define FG_PSP_SANDBOX_CONTROL_H

#include "http/http.h"

int control_add_routes(struct http_router *router, struct err_slot *err);

#endif
