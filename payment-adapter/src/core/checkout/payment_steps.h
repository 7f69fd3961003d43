/* payment_steps.h: the steps that deal with money, for the table in checkout.c. */
#ifndef FG_PAY_CORE_PAYMENT_STEPS_H
#define FG_PAY_CORE_PAYMENT_STEPS_H

#include "core/saga/saga_engine.h"

/* ctx: the checkout's conf. */
void payment_create(struct saga_call *call, void *ctx);
/* Undoes payment_create() from any state, even an unknown one. */
void payment_void(struct saga_call *call, void *ctx);
void payment_await(struct saga_call *call, void *ctx); /* until the buyer has paid, or time is up */
void payment_capture(struct saga_call *call, void *ctx);
void payment_refund(struct saga_call *call, void *ctx);

#endif
