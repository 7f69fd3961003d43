/* place_api.h: the private calls that report and change which process owns an event. */
#ifndef FG_SEAT_SERVICE_PLACE_API_H
#define FG_SEAT_SERVICE_PLACE_API_H

#include "http/http.h"

extern const struct http_route place_api_routes[];

#endif
