/* stripe.h: what runs behind each route of Stripe's subset. One op, one function; see op.c. */
#ifndef FG_PSP_SANDBOX_STRIPE_H
#define FG_PSP_SANDBOX_STRIPE_H

#include "bank/bank.h"

void stripe_intent_create(struct desk_call *at);
void stripe_intent_get(struct desk_call *at);
void stripe_intent_list(struct desk_call *at);
void stripe_intent_update(struct desk_call *at);
void stripe_intent_confirm(struct desk_call *at);
void stripe_intent_capture(struct desk_call *at);
void stripe_intent_cancel(struct desk_call *at);

void stripe_session_create(struct desk_call *at);
void stripe_session_get(struct desk_call *at);
void stripe_session_list(struct desk_call *at);
void stripe_session_expire(struct desk_call *at);
/* From the timer: it has expired. */
void stripe_session_run_out(struct desk_call *at);
bool stripe_session_is_open(const struct session *session, uint64_t now_s);
/* The session's intent, created if missing and `make`; NULL: the call has been answered. */
struct intent *stripe_session_intent(struct desk_call *at, struct session *session, bool make,
                                     uint32_t *place);
/* After an act on the page: completes the intent's session if it is paid. */
void stripe_session_settle(struct desk_call *at, const struct intent *intent);
/* As stripe_next_expired(). */
const struct session *stripe_session_next_over(const struct bank *bank, uint32_t *cursor,
                                               uint64_t now_s);

void stripe_refund_create(struct desk_call *at);
void stripe_refund_get(struct desk_call *at);
void stripe_refund_list(struct desk_call *at);

void stripe_charge_get(struct desk_call *at);
void stripe_charge_list(struct desk_call *at);

void stripe_balance_get(struct desk_call *at);

void stripe_event_get(struct desk_call *at);
void stripe_event_list(struct desk_call *at);

void stripe_endpoint_create(struct desk_call *at);
void stripe_endpoint_get(struct desk_call *at);
void stripe_endpoint_list(struct desk_call *at);
void stripe_endpoint_delete(struct desk_call *at);

/* From the hosted page: the client secret is in call->id. */
void stripe_hosted_pay(struct desk_call *at);
void stripe_hosted_authenticate(struct desk_call *at);

/* From the timer: the intent in call->id, whose authorisation has run out. */
void stripe_expire(struct desk_call *at);
/* An intent whose authorisation has run out by now_s, searched from *cursor on in a bounded step;
 * NULL: none among those. */
const struct intent *stripe_next_expired(const struct bank *bank, uint32_t *cursor, uint64_t now_s);

/* From the control API: a refund bounces, a payment is disputed. */
void stripe_refund_fail(struct desk_call *at); /* refund */
void stripe_dispute(struct desk_call *at);     /* payment_intent, status */

#endif
