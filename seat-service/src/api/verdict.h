/* verdict.h: the engine's verdicts as HTTP answers. */
#ifndef FG_SEAT_SERVICE_VERDICT_H
#define FG_SEAT_SERVICE_VERDICT_H

#include "loop/call.h"

/* Answers a verdict that is neither ENGINE_OK nor ENGINE_SAME, with what the op says about it: the
 * seat, the limit, the seats that were lost. `ask`, where there is one, brings alternatives.
 *
 * Such an answer is final. A process that may have been replaced waits with it until the journal
 * has proven that it was not, and then tells no alternatives. */
void verdict_reply(struct call *call, enum engine_verdict verdict, const struct engine_op *op,
                   const struct engine_ask *ask);

/* The same, for a call whose verdict the journal has proven (pending_prove). */
void verdict_reply_proven(struct call *call, enum engine_verdict verdict,
                          const struct engine_op *op, const struct engine_ask *ask);

/* Where an op has begun its change goes to the journal; where it was done before, call->finish
 * replies; where it did not begin, the verdict does. The entry is taken. */
void verdict_go_on(struct call *call, enum engine_verdict verdict, struct commit_entry *entry,
                   const struct engine_ask *ask);

/* What a call let best available look at counts against the rate of its session. */
void verdict_charge(const struct call *call, uint32_t searched);

/* "alternatives": as many seats as `ask` names, near them; up to three times, or []; charged. */
void verdict_alternatives(struct text *text, const struct call *call, const struct engine_ask *ask);

#endif
