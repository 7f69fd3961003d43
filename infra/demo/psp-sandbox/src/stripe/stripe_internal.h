/* stripe_internal.h: shared by the calls of Stripe's subset: their parameters, and what happens to
 * a payment intent with its charges and events. */
#ifndef FG_PSP_SANDBOX_STRIPE_INTERNAL_H
#define FG_PSP_SANDBOX_STRIPE_INTERNAL_H

#include "stripe/stripe.h"

/* ---- parameters ----
 *
 * The table of a call is a text, "NAME=RULE ...". NAME has # for digits or nothing, * for anything
 * in brackets, and ! behind it if it is required. RULE is one of
 *
 *     text, text:MAX    any bytes, or at most so many
 *     url               http(s), and nothing that could end a header's line or an attribute
 *     amount:MIN        from there to Stripe's largest
 *     number:MIN-MAX
 *     currency          in either case
 *     meta              a metadata value within Stripe's bounds
 *     expand            a path that leads from call->op->kind along the links of bank_kinds[]
 *     list_expand       the same after "data."
 *     a|b|c             one of these words */

/* Checks that each parameter is in the table and valid, and that required ones are present. False:
 * the call has been answered. */
bool param_check(struct call *call, const char *table);
/* The text, "not there" if absent. */
struct span param_get(const struct call *call, const char *name);
bool param_is(const struct call *call, const char *name, const char *word);
int64_t param_number(const struct call *call, const char *name, int64_t missing);
/* For json_pack(): the text, or `missing` if it is absent or empty. */
const char *param_text(const struct call *call, const char *name, const char *missing);
/* In lower case; it was checked. */
const char *param_currency(const struct call *call, const char *name);
json_t *param_metadata(const struct call *call, const char *root);
/* The paths of expand[], without "data.". */
void param_expand(const struct call *call, struct expand *out);

/* ---- errors ---- */

/* 404 for an id in the path, 400 for an id in a parameter. */
bool error_missing(struct call *call, const char *what, struct span id, const char *param);
/* A refused card, as in an error and as last_payment_error. */
json_t *error_refusal(const struct card *refusal);

/* ---- payments ----
 *
 *   requires_payment_method -> [requires_action ->] requires_capture -> succeeded
 *                                               -> succeeded
 *   a declined card leads back to requires_payment_method; canceled from all but succeeded
 *
 * Callers check stripe_may() first; an act that is not allowed is a bug. */

/* Takes `metadata`. Emits payment_intent.created. */
struct object *pay_create(struct call *call, int64_t amount, const char *currency,
                          const char *capture_method, const char *description, json_t *metadata);
/* stripe_may(); false: answered by 400 payment_intent_unexpected_state with the intent inside,
 * which is stored under the key, as at Stripe. */
bool pay_check(struct call *call, const struct object *intent, enum intent_act act);
/* Answers 200 with the intent, or 402. */
void pay_confirm(struct call *call, struct object *intent, const struct card *card);
/* The buyer was asked and agreed or declined. */
void pay_authenticate(struct call *call, struct object *intent, bool yes);
void pay_capture(struct call *call, struct object *intent, int64_t amount);
/* `reason` may be NULL. */
void pay_cancel(struct call *call, struct object *intent, const char *reason,
                const char *charge_event);
/* Cancels the intent if its authorisation has expired, and returns whether it has. */
bool pay_expire(struct call *call, struct object *intent);
/* 200 with the object, expanded as the call asks; returns true. */
bool pay_answer(struct call *call, const struct object *object);

/* ---- sessions ---- */

/* The session's intent, created if missing and `make`; NULL: the call has been answered. */
struct object *session_intent(struct call *call, struct object *session, bool make);
/* After an act on the page: completes the intent's session if the buyer has agreed. */
void session_settle(struct call *call, struct object *intent);

#endif
