/* pending.h: calls that wait for their commit.
 *
 * A change: call on the stack -> pending_entry() -> the engine takes the seats -> pending_commit()
 * keeps the call and submits -> the journal responds -> the engine settles or undoes -> the call's
 * `finish` replies. Calls that change nothing reply at once and are not kept, unless the caller
 * moves money because of the response: pending_prove(). */
#ifndef FG_SEAT_SERVICE_PENDING_H
#define FG_SEAT_SERVICE_PENDING_H

#include "loop/call.h"

struct pending;

/* `wake` is called on the committer's thread when there are entries to collect. */
int pending_create(struct loop *loop, void (*wake)(void *ctx), void *ctx, struct err_slot *err,
                   struct pending **out);
/* After the journal was stopped: takes back pending entries. */
void pending_destroy(struct pending *pending);

/* An entry to begin an op with; NULL: 503 was sent. */
struct commit_entry *pending_entry(struct call *call);
/* The op began with ENGINE_OK: makes it durable. */
void pending_commit(struct call *call, struct commit_entry *entry);
/* The op did not begin, and the response is right only if this process still owns the event:
 * replies once the journal has proven that. Refused like a change. */
void pending_prove(struct call *call, struct commit_entry *entry);
/* The op did not begin. */
void pending_drop(struct commit_entry *entry);

/* Settles up to `max` of the journal's outcomes; returns how many. */
unsigned pending_collect(struct pending *pending, unsigned max);

/* While the journal cannot be written: answers calls that have waited for OUTCOME_TELL_MS with an
 * open outcome. */
void pending_answer_patient(struct pending *pending);
/* The process ends before the journal has responded: answers all calls with an open outcome. */
void pending_answer_all(struct pending *pending);

#endif
