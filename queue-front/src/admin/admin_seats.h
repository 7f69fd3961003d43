/* admin_seats.h: how many seats are left, from the system that sells them. */
#ifndef FG_QUEUE_FRONT_ADMIN_SEATS_H
#define FG_QUEUE_FRONT_ADMIN_SEATS_H

#include "base/err.h"
#include "http/http.h"

int admin_seats_routes(struct http_router *private_routes, struct err_slot *err);

#endif
