/* verdict.h: the engine's verdicts as HTTP responses. */
#ifndef FG_SEAT_SERVICE_VERDICT_H
#define FG_SEAT_SERVICE_VERDICT_H

#include "loop/call.h"

/* Sends a verdict other than ENGINE_OK and ENGINE_SAME, with the op's details: the seat, the limit,
 * the lost seats. `ask`, if not NULL, adds alternatives.
 *
 * The response is final. If this process may have been replaced, it waits until the journal has
 * proven that it was not, and then has no alternatives. */
void verdict_reply(struct call *call, enum engine_verdict verdict, const struct engine_op *op,
                   const struct engine_ask *ask);

/* The same, for a call whose verdict the journal has proven (pending_prove). */
void verdict_reply_proven(struct call *call, enum engine_verdict verdict,
                          const struct engine_op *op, const struct engine_ask *ask);

/* An op that has begun goes to the journal; for a repeat, call->finish replies; otherwise the
 * verdict is sent. Takes ownership of the entry. */
void verdict_go_on(struct call *call, enum engine_verdict verdict, struct commit_entry *entry,
                   const struct engine_ask *ask);

/* Sends the hold, or the verdict of reading it. `flags`, if not NULL: of the change that took it.
 */
void verdict_reply_hold(struct call *call, unsigned status, uint64_t hold, const unsigned *flags);

/* Charges the session's rate for the work of a best-available search. */
void verdict_charge(const struct call *call, uint32_t searched);

/* "alternatives": up to three offers of as many seats near those of `ask`, or []; charged. */
void verdict_alternatives(struct text *text, const struct call *call, const struct engine_ask *ask);

#endif
