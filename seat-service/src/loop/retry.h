/* retry.h: repeated requests that wait for the outcome of the first.
 *
 * A request whose idempotency key is already under way is not refused: it is put aside and handled
 * again from the start, until the first has been answered. */
#ifndef FG_SEAT_SERVICE_RETRY_H
#define FG_SEAT_SERVICE_RETRY_H

#include "loop/call.h"

struct retry;

int retry_create(struct loop *loop, struct err_slot *err, struct retry **out);
void retry_destroy(struct retry *retry);

/* The request starts over with `again`, the current handler, when the first may be over. False: too
 * many are waiting, or this one has waited too long. */
bool retry_wait(struct retry *retry, struct http_req *req, void (*again)(struct http_req *req));
/* The request being handled has waited, so it was judged before. */
bool retry_resumes(const struct retry *retry);

/* Handles the waiting requests again, unless that was done just now. */
void retry_look(struct retry *retry);
/* The process is ending: tells all of them that their outcome is unknown. */
void retry_answer_all(struct retry *retry);

#endif
