/* retry.h: repeated requests that wait for what becomes of the first.
 *
 * A request with an idempotency key that is under way already is not refused: it is put aside and
 * handled again, by its own handler from the beginning, until the first was answered. */
#ifndef FG_SEAT_SERVICE_RETRY_H
#define FG_SEAT_SERVICE_RETRY_H

#include "loop/call.h"

struct retry;

int retry_create(struct loop *loop, struct err_slot *err, struct retry **out);
void retry_destroy(struct retry *retry);

/* The request starts over with `again`, which is the handler that we are in, when the first may be
 * over. False: too many wait, or this one has for long. */
bool retry_wait(struct retry *retry, struct http_req *req,
                void (*again)(struct http_req *req, void *ctx));
/* The request that is being handled has waited: it was judged before. */
bool retry_resumes(const struct retry *retry);

/* Handles those that wait again, if that was not done just now. */
void retry_look(struct retry *retry);
/* The process ends: all are told that their outcome is not known. */
void retry_answer_all(struct retry *retry);

#endif
