/* invariants.h: what must hold, in one place.
 *
 *   I1  a seat has at most one owner, and at most one valid ticket
 *   I2  of each order, captured less refunded is the price of what is sold to it
 *   I3  what was answered survives
 *   I4  once faults stop, everything ends or is parked with an alarm, within its bound
 *   I5  memory, queues and retries are bounded
 *   I7  the shop has each paid order once
 *
 * (I6, that nobody enters but by the rules, is judged in queue/judge/ledger.c.)
 *
 * The checker gets what the databases, the provider and the shop have committed, and what callers
 * were answered, and keeps a ledger of its own: it asks no engine what is so. What breaks a rule
 * ends the run. */
#ifndef FG_SIM_INVARIANTS_H
#define FG_SIM_INVARIANTS_H

#include "core/engine/engine.h"
#include "stage/invariant.h"

#include <stdbool.h>
#include <stdint.h>

void invariants_begin(uint32_t seats, uint64_t seat_price);

/* ---- the seats ---- */

/* It is in the journal, for good. */
void invariant_written(const struct change *change);
/* The last wall had to stop a sale. */
void invariant_walled(uint32_t seat);
/* A caller got this as its answer. */
void invariant_answered(const struct change *change);
/* A caller got the answer that this has not been done, and never will be. */
void invariant_refused(const struct change *change);
/* The saga got the answer that there is nothing to give back: it pays money back on the strength of
 * it.
 */
void invariant_nothing_left(uint64_t hold, const char *whose);
/* A process begins to sell with this engine, or has sold with it and nothing is under way. */
void invariant_engine(const struct engine *engine, const char *whose);
/* The event is put to sleep until a hold of it ends (0: none does), which may be spared as long. */
void invariant_slept(uint64_t due_ms, uint64_t spared_ms);
uint32_t invariant_held(void);   /* seats */
void invariants_tell_sold(void); /* at the end, to the history */

/* ---- orders ---- */

void invariant_ordered(const char *order, uint64_t hold, uint64_t amount);
/* An operator has turned it back: money that was on its way then may come, and goes back. */
void invariant_operated(const char *order);
/* `hidden`: only the capture can tell that the buyer has agreed, so nothing is sold before it. */
void invariant_captured(const char *order, uint64_t amount, bool hidden);
void invariant_refunded(const char *order, uint64_t amount);
/* An operator gives back so much of it in all, in parts, and the seats stay sold. */
void invariant_credited(const char *order, uint64_t amount);
/* Money is reserved or no longer; at the end none is. */
void invariant_reserved(const char *order, bool reserved);
void invariant_ticket(const char *ticket, const char *order, uint32_t seat);
void invariant_revoked(const char *order);
void invariant_handed_on(const char *ticket, const char *order, uint32_t seat); /* a new one */
void invariant_used(const char *order); /* a ticket of it opens a door */
void invariant_called_off(void);        /* the event: nothing is ordered, and all is given back */
void invariant_delivered(const char *order, const char *kind); /* to the shop, by a new letter */
/* A saga ends its buyer's visit, and with it the buyer's slot in the line goes to somebody else. */
void invariant_farewell(const char *order);
/* At the end: the order's state, as its buyer sees it. */
enum invariant_fate { INVARIANT_HAS_SEATS, INVARIANT_HAS_NOTHING, INVARIANT_GAVE_BACK };
void invariant_ended(const char *order, enum invariant_fate fate);

#endif
