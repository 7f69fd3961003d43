/* retry.h: requests that wait for something that is about to be known.
 *
 * A request whose idempotency key is already under way is not refused: it is put aside and handled
 * again from the start, until the first has been answered. So is one of a reader who is ahead of
 * what is known here of another's event, until the next look at its journal. */
#ifndef FG_SEAT_SERVICE_RETRY_H
#define FG_SEAT_SERVICE_RETRY_H

#include "loop/call.h"

struct retry;

int retry_create(struct loop *loop, struct err_slot *err, struct retry **out);
void retry_destroy(struct retry *retry);

/* The request starts over with `again`, the current handler, when it may have become known; it is
 * refused by `ending` if the process ends first. False: too many are waiting, or this one has
 * waited too long. */
bool retry_wait(struct retry *retry, struct http_req *req, void (*again)(struct http_req *req),
                enum refusal ending);
/* The request being handled has waited, so it was judged before. */
bool retry_resumes(const struct retry *retry);

/* Handles the waiting requests again, unless that was done just now. */
void retry_look(struct retry *retry);
/* The process is ending: refuses all of them. */
void retry_answer_all(struct retry *retry);

#endif
