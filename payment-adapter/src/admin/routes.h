/* routes.h: parts of the operator's API, as tables that end with a row without a pattern. */
#ifndef FG_PAY_ADMIN_ROUTES_H
#define FG_PAY_ADMIN_ROUTES_H

#include "http/http.h"

extern const struct http_route admin_routes[], desk_routes[], event_routes[], setup_routes[];

#endif
