/* object.h: the bank's objects as Stripe writes them in JSON. */
#ifndef FG_PSP_SANDBOX_OBJECT_H
#define FG_PSP_SANDBOX_OBJECT_H

#include "bank/bank.h"

/* What is written whole instead of by its id. */
enum object_expand {
    OBJECT_LATEST_CHARGE = 1,
    OBJECT_PAYMENT_INTENT = 2,
    OBJECT_CHARGE = 4,
    OBJECT_INTENT_CHARGE = 8, /* of the intent inside: payment_intent.latest_charge */
};

void object_put_intent(struct text *out, const struct bank *bank, const struct intent *intent,
                       unsigned expand);
void object_put_session(struct text *out, const struct bank *bank, const struct session *session,
                        unsigned expand);
void object_put_charge(struct text *out, const struct bank *bank, const struct charge *charge,
                       unsigned expand);
void object_put_refund(struct text *out, const struct bank *bank, const struct refund *refund,
                       unsigned expand);
void object_put_event(struct text *out, const struct event *event);
/* `secret`: in the answer to its creation, the only time that it is shown. */
void object_put_endpoint(struct text *out, const struct endpoint *endpoint, bool secret);

/* Both sides of an error: the refusal of a card, inside an error or as last_payment_error. The
 * braces are the caller's. */
void object_put_refusal(struct text *out, const struct card *refusal);

#endif
