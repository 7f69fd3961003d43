/* operator_api.h: the private calls of the operator: import, block, unblock, move, price, export,
 * counts over time. */
#ifndef FG_SEAT_SERVICE_OPERATOR_API_H
#define FG_SEAT_SERVICE_OPERATOR_API_H

#include "api/errand.h"
#include "loop/series.h"

struct operator_api;

struct operator_api_conf {
    const char *dsn;             /* borrowed: exports read by a connection of their own */
    const struct series *series; /* borrowed */
    struct errand_list *errands; /* borrowed */
};

/* For the loop of the private listener. */
int operator_api_create(const struct operator_api_conf *conf, struct err_slot *err,
                        struct operator_api **out);
int operator_api_routes(struct operator_api *api, struct http_router *router, struct err_slot *err);
void operator_api_destroy(struct operator_api *api);

#endif
