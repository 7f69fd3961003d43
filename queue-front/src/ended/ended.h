/* ended.h: the operators' API for records of events, and for ended events. A row without a pattern
 * ends each table. */
#ifndef FG_QUEUE_FRONT_ENDED_H
#define FG_QUEUE_FRONT_ENDED_H

#include "http/http.h"

extern const struct http_route admin_ended_routes[]; /* lists, archives, trails, the series */
extern const struct http_route end_api_routes[];     /* archives and deletes */
extern const struct http_route restore_api_routes[]; /* restores from an archive */

#endif
