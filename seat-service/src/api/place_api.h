/* place_api.h: the private calls that report and change which process has an event. */
#ifndef FG_SEAT_SERVICE_PLACE_API_H
#define FG_SEAT_SERVICE_PLACE_API_H

#include "api/errand.h"

struct place_api;

/* Both are borrowed. */
int place_api_create(const char *dsn, struct errand_list *errands, struct err_slot *err,
                     struct place_api **out);
void place_api_destroy(struct place_api *api);
int place_api_routes(struct place_api *api, struct http_router *private_routes,
                     struct err_slot *err);

#endif
