/* api.h: the calls of buyers (seat-service/openapi.yaml). Each needs an admission pass. */
#ifndef FG_SEAT_SERVICE_API_H
#define FG_SEAT_SERVICE_API_H

#include "loop/desk.h"

#include <jansson.h>

int api_routes(struct http_router *router, struct err_slot *err);

/* Shared with the calls of saga and operator: event and hold of the path. False: answered. */
bool api_find_event(struct call *call, struct http_req *req, struct desk *desk);
bool api_read_hold(struct call *call, unsigned param, uint64_t *hold);
/* Body as a JSON object; false: answered with 400. */
bool api_read_body(struct call *call, json_t **doc);
/* What json_in_end() says, told: 422. */
void api_bad_field(struct call *call, const struct err_slot *err);
/* guids of an array member become places in plan order; false: answered with 422. */
bool api_seats(struct call *call, const json_t *array, const char *member, uint32_t *out,
               uint32_t *count);

enum { API_SEATS_MAX = 256 }; /* of one array in a body; what is too many the engine says */

#endif
