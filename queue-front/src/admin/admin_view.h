/* admin_view.h: the operator's list of events, an event's document, the table of knobs, and when
 * the last visitor would enter. */
#ifndef FG_QUEUE_FRONT_ADMIN_VIEW_H
#define FG_QUEUE_FRONT_ADMIN_VIEW_H

#include "http/http.h"

int admin_view_routes(struct http_router *private_routes, struct err_slot *err);

#endif
