/* routes.h: parts of the API, as tables that end with a row without a pattern. */
#ifndef FG_PAY_API_ROUTES_H
#define FG_PAY_API_ROUTES_H

#include "http/http.h"

extern const struct http_route login_routes[], order_routes[], ticket_routes[], webhook_routes[];
extern const struct http_route picture_routes[];
extern const struct http_route move_routes[], picture_private_routes[]; /* private */

#endif
