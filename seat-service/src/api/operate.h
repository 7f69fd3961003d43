/* operate.h: the private calls of the operator: import, block, unblock, move, price, export, counts
 * over time. */
#ifndef FG_SEAT_SERVICE_OPERATE_H
#define FG_SEAT_SERVICE_OPERATE_H

#include "http/http.h"
#include "loop/annals.h"

struct operate;

struct operate_conf {
    const char *dsn;             /* borrowed: exports read by a connection of their own */
    const struct annals *annals; /* borrowed */
};

/* For the loop of the private listener. */
int operate_create(const struct operate_conf *conf, struct err_slot *err, struct operate **out);
int operate_routes(struct operate *operate, struct http_router *router, struct err_slot *err);
void operate_destroy(struct operate *operate);

#endif
