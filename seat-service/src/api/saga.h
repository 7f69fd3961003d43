/* saga.h: the private calls of the checkout saga: extend, confirm, release, refund, each by an
 * order, each safe to repeat. */
#ifndef FG_SEAT_SERVICE_SAGA_H
#define FG_SEAT_SERVICE_SAGA_H

#include "http/http.h"
#include "loop/annals.h"

/* Ended sessions go to the annals, borrowed. */
int saga_routes(struct annals *annals, struct http_router *router, struct err_slot *err);

#endif
