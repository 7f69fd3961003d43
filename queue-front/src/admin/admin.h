/* admin.h: the operators' API of an event. A row without a pattern ends each table. */
#ifndef FG_QUEUE_FRONT_ADMIN_H
#define FG_QUEUE_FRONT_ADMIN_H

#include "http/http.h"

extern const struct http_route admin_change_routes[]; /* create, replace, patch */
extern const struct http_route admin_codes_routes[];  /* presale codes */
extern const struct http_route admin_move_routes[];   /* actions, and undo */
extern const struct http_route admin_seats_routes[];  /* how many seats are left */
extern const struct http_route
    admin_view_routes[]; /* lists, documents, knobs, the preview, appeals, invitations */

#endif
