/* request.h: what all calls have in their paths and bodies. */
#ifndef FG_SEAT_SERVICE_REQUEST_H
#define FG_SEAT_SERVICE_REQUEST_H

#include "base/json_in.h"
#include "loop/call.h"
#include "loop/mark.h"

#include <jansson.h>

enum { REQUEST_SEATS_MAX = 256 }; /* of one array in a body; the engine decides what is too many */

/* Refuses, and tells where the event is. */
void request_elsewhere(struct call *call, const struct journal_place *place);
/* Refuses: the process serves nothing, for this reason. */
void request_away(struct call *call, enum journal_reason reason);
/* The event is asleep: wakes it and answers that the caller should retry. */
void request_wake(struct call *call);
/* Each returns false after answering the request. The event and the hold in the path; a caller
 * that is allowed in keeps the event awake by it: */
bool request_event(struct call *call, struct http_req *req);
/* The same for a caller who has still to be judged: events_used() is then the caller's. `on_asleep`
 * answers if the event is asleep. */
bool request_event_or(struct call *call, struct http_req *req,
                      void (*on_asleep)(struct call *call));
/* Enough for what is shown to everybody: the event may be another's, if what is known of it here is
 * up to date. */
bool request_shown(struct call *call, struct http_req *req, void (*on_asleep)(struct call *call));
/* What was seen elsewhere up to `since` compares with what is known of the event here. If
 * not yet, the request waits, and is handled `again`. */
bool request_since(struct call *call, const struct mark *since,
                   void (*again)(struct http_req *req));
bool request_hold(struct call *call, uint64_t *hold); /* of the path */
/* The body, a JSON object. */
bool request_body(struct call *call, json_t **doc);
/* Reports what json_in_end() found: 422. */
/* The end of a body; false: it was refused. */
bool request_end(struct call *call, struct json_in *in, const struct err_slot *err);
void request_bad_field(struct call *call, const struct err_slot *err);
/* "from" and "to", both needed, with as many seats each: from[i] becomes to[i]. */
void request_pairs(struct json_in *in, json_t **from, json_t **to);
/* guids of an array member become places in plan order. */
bool request_seats(struct call *call, const json_t *array, const char *member, uint32_t *out,
                   uint32_t *count);

#endif
