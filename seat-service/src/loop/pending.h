/* pending.h: calls that wait for their commit.
 *
 * A change goes: call on the stack -> pending_entry() -> the engine takes the seats ->
 * pending_commit() keeps the call and submits -> the journal answers -> the engine settles or
 * undoes
 * -> the call's `finish` replies. Calls that change nothing reply at once and are never kept, but
 * for those whose caller moves money by the answer: pending_prove(). */
#ifndef FG_SEAT_SERVICE_PENDING_H
#define FG_SEAT_SERVICE_PENDING_H

#include "loop/call.h"

struct pending;

/* `wake` is called on the committer's thread when there is something to collect. */
int pending_create(struct loop *loop, void (*wake)(void *ctx), void *ctx, struct err_slot *err,
                   struct pending **out);
/* After the journal was stopped: takes back what was under way. */
void pending_destroy(struct pending *pending);

/* An entry to begin an op with; NULL after answering 503. */
struct commit_entry *pending_entry(struct call *call);
/* The op began with ENGINE_OK: makes it durable. */
void pending_commit(struct call *call, struct commit_entry *entry);
/* The op did not begin, and what `finish` will tell of that holds only while this process owns the
 * event: replies once the journal has proven that it does. Refused as a change would be. */
void pending_prove(struct call *call, struct commit_entry *entry);
/* The op did not begin. */
void pending_drop(struct commit_entry *entry);

/* Settles what the journal has answered, at most `max`; returns how many. */
unsigned pending_collect(struct pending *pending, unsigned max);

/* While the journal cannot be written: tells calls that have waited for OUTCOME_TELL_MS that the
 * outcome is open. */
void pending_answer_patient(struct pending *pending);
/* The process ends before the journal has answered: tells all of them so. */
void pending_answer_all(struct pending *pending);

#endif
