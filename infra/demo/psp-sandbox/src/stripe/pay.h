/* pay.h: the acts on a payment that move money or authorise it, with their charges and events. The
 * API's routes and the hosted page share them. Each sets answer->executed. */
#ifndef FG_PSP_SANDBOX_PAY_H
#define FG_PSP_SANDBOX_PAY_H

#include "bank/bank.h"

/* With its id and secret, and not in a list yet; NULL when out of memory or room. */
struct intent *pay_new_intent(struct desk_call *at, int64_t amount, const char *currency,
                              enum intent_capture capture);

/* The intent has a card and waits for confirmation. Answers 200 with the intent, or 402. */
void pay_confirm(struct desk_call *at, struct intent *intent, uint32_t place, unsigned expand);
/* The buyer was asked and agreed or declined. */
void pay_authenticate(struct desk_call *at, struct intent *intent, uint32_t place, bool yes);

void pay_cancel(struct desk_call *at, struct intent *intent, uint32_t place, const char *reason);
void pay_capture(struct desk_call *at, struct intent *intent, uint32_t place, int64_t amount);
/* The authorisation has expired. */
void pay_expire(struct desk_call *at, struct intent *intent, uint32_t place);
bool pay_has_expired(const struct bank *bank, const struct intent *intent, uint64_t now_s);

/* An event about the intent, or about its latest charge. */
void pay_emit_intent(struct desk_call *at, const char *type, uint32_t place);
void pay_emit_charge(struct desk_call *at, const char *type, uint32_t charge);

/* 200 with the intent. */
void pay_answer(struct desk_call *at, const struct intent *intent, unsigned expand);
/* 400 payment_intent_unexpected_state with the intent inside; stored under the key, as at Stripe.
 */
void pay_unexpected_state(struct desk_call *at, const struct intent *intent, const char *words);

#endif
