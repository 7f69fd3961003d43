/* stripe.h: what runs behind each route of Stripe's subset. One op, one function; see op.c. */
#ifndef FG_PSP_SANDBOX_STRIPE_H
#define FG_PSP_SANDBOX_STRIPE_H

#include "bank/bank.h"

/* Any object by its id, and a page of any list: of call->kind. */
void stripe_get(struct desk_call *at);
void stripe_list(struct desk_call *at);

void stripe_intent_create(struct desk_call *at);
void stripe_intent_confirm(struct desk_call *at);
void stripe_intent_capture(struct desk_call *at);
void stripe_intent_cancel(struct desk_call *at);

void stripe_session_create(struct desk_call *at);
void stripe_session_expire(struct desk_call *at);

void stripe_refund_create(struct desk_call *at);

/* From the hosted page: a client secret or a session's id is in call->id. */
void stripe_hosted_pay(struct desk_call *at);
void stripe_hosted_authenticate(struct desk_call *at);

/* From the timer: the authorisation (of the charge) or the session in call->id has run out. */
void stripe_authorisation_end(struct desk_call *at);
void stripe_session_end(struct desk_call *at);

/* From the control API: a refund bounces, a payment is disputed. */
void stripe_refund_fail(struct desk_call *at); /* refund */
void stripe_dispute(struct desk_call *at);     /* payment_intent, status */

#endif
