/* routes.h: the calls of scanners and of the operator about doors; tables that end with a row
 * without a pattern. */
#ifndef FG_PAY_DOORS_ROUTES_H
#define FG_PAY_DOORS_ROUTES_H

#include "http/http.h"

extern const struct http_route door_routes[], door_private_routes[], scanner_routes[];

#endif
