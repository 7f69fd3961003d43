/* move_steps.h: the steps of a move of sold seats, for the table of checkout.c. */
#ifndef FG_PAY_CORE_MOVE_STEPS_H
#define FG_PAY_CORE_MOVE_STEPS_H

#include "core/saga/saga_engine.h"

/* ctx: the checkout's conf. */
void move_revoke(struct saga_call *call, void *ctx); /* voids the tickets of the old seats */
/* Undoes move_revoke() with new tickets for the same seats, since a void ticket stays void. */
void move_restore(struct saga_call *call, void *ctx);
void move_seats(struct saga_call *call, void *ctx);
void move_issue(struct saga_call *call, void *ctx); /* tickets for the new seats */
void move_tell(struct saga_call *call, void *ctx);

#endif
