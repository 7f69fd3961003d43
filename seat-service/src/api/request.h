/* request.h: parsing of paths and bodies that all calls share. */
#ifndef FG_SEAT_SERVICE_REQUEST_H
#define FG_SEAT_SERVICE_REQUEST_H

#include "base/json_in.h"
#include "loop/call.h"
#include "loop/mark.h"

#include <jansson.h>

enum { REQUEST_SEATS_MAX = 256 }; /* per array of a body; the engine decides what is too many */

/* Refuses with the event's owner and address. */
void request_elsewhere(struct call *call, const struct journal_place *place);
/* Refuses: the process serves nothing, for this reason. */
void request_away(struct call *call, enum journal_reason reason);
/* The event is asleep: wakes it and tells the caller to retry. */
void request_wake(struct call *call);
/* The next functions return false if they have answered the request. This one finds the path's
 * event, and counts as use of the event: */
bool request_event(struct call *call, struct http_req *req);
/* The same for a caller that is not authorized yet, who must call events_used(). `on_asleep`
 * answers if the event is asleep. */
bool request_event_or(struct call *call, struct http_req *req,
                      void (*on_asleep)(struct call *call));
/* For public reads: the event may be another owner's if its picture here is up to date. */
bool request_shown(struct call *call, struct http_req *req, void (*on_asleep)(struct call *call));
/* Whether the version `since`, which may come from another process, is known here. If not yet, the
 * request waits, and is handled `again`. */
bool request_since(struct call *call, const struct mark *since,
                   void (*again)(struct http_req *req));
bool request_hold(struct call *call, uint64_t *hold); /* of the path */
/* The body, a JSON object. */
bool request_body(struct call *call, json_t **doc);
/* Ends a body; false: it was refused. */
bool request_end(struct call *call, struct json_in *in, const struct err_slot *err);
/* Converts an array of guids to indices in plan order. */
bool request_seats(struct call *call, const json_t *array, const char *member, uint32_t *out,
                   uint32_t *count);

#endif
