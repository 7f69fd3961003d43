/* invariants.h: the invariants, in one place.
 *
 *   I1 a seat has at most one owner, and at most one valid ticket
 *   I2 for each order, captured less refunded is the price of the seats sold to it
 *   I3 acknowledged changes survive
 *   I4 once faults stop, everything ends or is parked with an alarm, within its bound
 *   I5 memory, queues and retries are bounded
 *   I7 the shop has each paid order once
 *
 * (I6, that visitors enter only by the rules, is checked in queue/judge/ledger.c.)
 *
 * The checker sees what databases, provider and shop committed and what callers got as responses.
 * It keeps its own ledger and reads no engine's state. A violation ends the run. */
#ifndef FG_SIM_INVARIANTS_H
#define FG_SIM_INVARIANTS_H

#include "call.h"
#include "stage/invariant.h"

#include <stdbool.h>
#include <stdint.h>

/* `undisturbed`: no fault hits the gala's seats, so all there is done in time. */
void invariants_begin(uint32_t seats, uint64_t seat_price, bool undisturbed);

/* ---- the seats ---- */

/* The change is committed to the journal. */
void invariant_written(unsigned event, const struct change *change);
/* The unique constraint had to stop a sale. */
void invariant_walled(uint32_t seat);
/* A caller's response said that the change was done. */
void invariant_answered(unsigned event, const struct change *change);
/* A caller's response said that the change was not done and never will be. */
void invariant_refused(unsigned event, const struct change *change);
/* The saga's response said that nothing is left to give back, so it refunds the money. */
void invariant_nothing_left(unsigned event, uint64_t hold, const char *whose);
/* A process starts to sell with this engine, or sells with it and has nothing in flight. */
void invariant_engine(unsigned event, const struct engine *engine, const char *whose);
/* The event sleeps until its first hold ends (0: none), or for `spared_ms` if that is later. */
void invariant_slept(unsigned event, uint64_t due_ms, uint64_t spared_ms);
uint32_t invariant_held(void);     /* seats, of all events */
void invariants_record_sold(void); /* to the history, at the end */

/* ---- orders ---- */

void invariant_ordered(const char *order, uint64_t hold, uint64_t amount);
/* An operator turned the order back: money still in flight may arrive, and is refunded. */
void invariant_operated(const char *order);
/* `hidden`: only the capture shows that the buyer agreed, so nothing is sold before it. */
void invariant_captured(const char *order, uint64_t amount, bool hidden);
void invariant_refunded(const char *order, uint64_t amount);
/* An operator refunds `amount` in total, in parts, and the seats stay sold. */
void invariant_credited(const char *order, uint64_t amount);
/* Money is reserved, or no longer. At the end none may be. */
void invariant_reserved(const char *order, bool reserved);
void invariant_ticket(const char *ticket, const char *order, uint32_t seat);
void invariant_revoked(const char *order);
void invariant_handed_on(const char *ticket, const char *order, uint32_t seat); /* to a new one */
void invariant_used(const char *order); /* a ticket of this order opens a door */
void invariant_called_off(void);        /* no new orders; all money goes back */
void invariant_delivered(const char *order, const char *kind); /* a new letter reached the shop */
/* A saga ends its buyer's visit, which frees the buyer's slot in the line. */
void invariant_farewell(const char *order);
/* At the end: the order's state as its buyer sees it. */
enum invariant_fate { INVARIANT_HAS_SEATS, INVARIANT_HAS_NOTHING, INVARIANT_GAVE_BACK };
void invariant_ended(const char *order, enum invariant_fate fate);

#endif
