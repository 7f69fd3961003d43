/* stripe.h: the functions behind each route of Stripe's subset (calls.c), errors in Stripe's form,
 * and what the hosted page and the control API need to know. */
#ifndef FG_PSP_SANDBOX_STRIPE_H
#define FG_PSP_SANDBOX_STRIPE_H

#include "bank.h"

/* Any object by its id, and a page of any list. */
bool stripe_get(struct call *call);
bool stripe_list(struct call *call);

bool stripe_intent_create(struct call *call);
bool stripe_intent_confirm(struct call *call);
bool stripe_intent_capture(struct call *call);
bool stripe_intent_cancel(struct call *call);
bool stripe_session_create(struct call *call);
bool stripe_session_expire(struct call *call);
bool stripe_refund_create(struct call *call);

/* From the hosted page: a client secret or a session's id is in call->id. */
bool stripe_hosted_pay(struct call *call);
bool stripe_hosted_authenticate(struct call *call);

/* From the timer: the authorisation (of the charge) or the session in call->id has expired. */
bool stripe_authorisation_end(struct call *call);
bool stripe_session_end(struct call *call);

/* From the control API: a refund bounces, a payment is disputed. */
bool stripe_refund_fail(struct call *call); /* refund */
bool stripe_dispute(struct call *call);     /* payment_intent, status */

/* ---- states ---- */

enum intent_status {
    INTENT_REQUIRES_PAYMENT_METHOD,
    INTENT_REQUIRES_ACTION,
    INTENT_REQUIRES_CAPTURE,
    INTENT_SUCCEEDED,
    INTENT_CANCELED,
    INTENT_STATUS_COUNT,
};

enum intent_act { INTENT_CONFIRM, INTENT_AUTHENTICATE, INTENT_CAPTURE, INTENT_CANCEL };

enum session_status { SESSION_OPEN, SESSION_COMPLETE, SESSION_EXPIRED };

bool stripe_may(const struct object *intent, enum intent_act act);
int64_t stripe_refundable(const struct bank *bank, const struct object *intent);
bool stripe_is_open(const struct object *session, uint64_t now_s);

/* ---- errors ---- */

struct stripe_error {
    unsigned status;
    const char *type; /* NULL: follows from the status */
    const char *code; /* NULL: none, also for the next four */
    const char *param;
    const struct card *refusal;  /* a card error: its code */
    const struct object *charge; /* of a card error */
    const struct object *intent; /* written whole, inside the error */
};

/* Discards what the answer holds, writes the error and returns false. */
bool stripe_fail_with(struct call *call, const struct stripe_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with 400; `why` and `name` may be NULL. */
#define stripe_fail(call, why, name, ...)                                                          \
    stripe_fail_with((call),                                                                       \
                     &(struct stripe_error){.status = 400, .code = (why), .param = (name)},        \
                     __VA_ARGS__)
/* The body without a call: for requests that are refused earlier. */
void stripe_error_put(struct text *out, const struct stripe_error *error, const char *message);

#endif
