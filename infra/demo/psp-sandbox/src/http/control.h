/* control.h: the private calls with which a test makes things go wrong and reads the result. */
#ifndef FG_PSP_SANDBOX_CONTROL_H
#define FG_PSP_SANDBOX_CONTROL_H

#include "http/http.h"

int control_add_routes(struct http_router *router, struct err_slot *err);

#endif
