/* admin_rows.h: the audit trail and the time series of an event. */
#ifndef FG_QUEUE_FRONT_ADMIN_ROWS_H
#define FG_QUEUE_FRONT_ADMIN_ROWS_H

#include "base/err.h"
#include "http/http.h"

int admin_rows_routes(struct http_router *private_routes, struct err_slot *err);

#endif
