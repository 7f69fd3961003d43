/* pay.h: what happens to a payment intent, with its charges and events: its states, its amounts,
 * and what may be done to it when. Callers check pay_may() first; an act that is not allowed is a
 * bug. Each act sets answer->executed.
 *
 *   requires_payment_method -> requires_confirmation -> [requires_action ->] requires_capture
 *                                                                          -> succeeded
 *   a declined card leads back to requires_payment_method; canceled from all but succeeded */
#ifndef FG_PSP_SANDBOX_PAY_H
#define FG_PSP_SANDBOX_PAY_H

#include "bank/bank.h"

enum intent_status {
    INTENT_REQUIRES_PAYMENT_METHOD,
    INTENT_REQUIRES_CONFIRMATION,
    INTENT_REQUIRES_ACTION,
    INTENT_REQUIRES_CAPTURE,
    INTENT_SUCCEEDED,
    INTENT_CANCELED,
    INTENT_STATUS_COUNT,
};

enum intent_act {
    INTENT_CONFIRM,
    INTENT_AUTHENTICATE,
    INTENT_CAPTURE,
    INTENT_CANCEL,
};

enum session_status { SESSION_OPEN, SESSION_COMPLETE, SESSION_EXPIRED };

extern const char *const intent_statuses[]; /* ended by NULL */

struct pay_new {
    int64_t amount;
    const char *currency, *capture_method;
    const char *confirmation_method; /* NULL: automatic */
    const char *description, *descriptor;
    json_t *metadata; /* taken */
};

/* Emits payment_intent.created. */
struct object *pay_create(struct desk_call *at, const struct pay_new *new, const struct card *card);

bool pay_may(const struct object *intent, enum intent_act act);
/* The same; false: answered by 400 payment_intent_unexpected_state with the intent inside, which is
 * stored under the key, as at Stripe. */
bool pay_check(struct desk_call *at, const struct object *intent, enum intent_act act);
/* The card that the next confirm will use; NULL keeps the one that it has. */
void pay_use_card(struct desk_call *at, struct object *intent, const struct card *card);
/* The intent has a card. Answers 200 with the intent, or 402. */
void pay_confirm(struct desk_call *at, struct object *intent);
/* The buyer was asked and agreed or declined. */
void pay_authenticate(struct desk_call *at, struct object *intent, bool yes);
void pay_capture(struct desk_call *at, struct object *intent, int64_t amount);
void pay_cancel(struct desk_call *at, struct object *intent, const char *reason);
/* The authorisation has run out. */
void pay_expire(struct desk_call *at, struct object *intent);
bool pay_has_expired(const struct bank *bank, const struct object *intent, uint64_t now_s);

int64_t pay_refundable(const struct bank *bank, const struct object *intent);

/* 200 with the object, expanded as the call asks. */
void pay_answer(struct desk_call *at, const struct object *object);

#endif
