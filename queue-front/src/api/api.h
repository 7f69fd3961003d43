/* api.h: the visitors' API. A row without a pattern ends each table. */
#ifndef FG_QUEUE_FRONT_API_H
#define FG_QUEUE_FRONT_API_H

#include "http/http.h"

extern const struct http_route fairness_routes[], fairness_private_routes[]; /* a draw's proof */
extern const struct http_route move_api_routes[]; /* moves a place to another device */
extern const struct http_route pass_api_routes[]; /* pass, session, leave, verify, public keys */
extern const struct http_route pass_api_private_routes[]; /* another service ends a session */
extern const struct http_route queue_api_routes[];        /* join, me, status, stream */

#endif
