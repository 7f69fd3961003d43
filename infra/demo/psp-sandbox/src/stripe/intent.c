/* intent.c: /v1/payment_intents and the hosted page of a payment. Each call first checks its
 * parameters, then the state, and only then changes anything. */
#include "stripe/pay.h"
#include "stripe/session.h"
#include "stripe/stripe.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>

/* The intent of the path; NULL: the call has been answered. */
static struct object *of_path(struct desk_call *at, const struct param *params)
{
    struct object *intent = bank_find(at->bank, INTENT, at->call->id);
    if (intent == NULL)
        stripe_fail_missing(at, "payment_intent", at->call->id, NULL);
    return intent != NULL && param_check(at, params) ? intent : NULL;
}

/* *card stays NULL if none is given. A pm_... that this intent already has may be named again; any
 * other name must be a test card's. */
static bool read_card(struct desk_call *at, const struct object *intent, const struct card **card)
{
    struct span token = param_get(at, "payment_method");
    if (token.ptr == NULL)
        return true;
    bool same = intent != NULL && intent->card != NULL &&
                span_eq(token, span_of(object_text(intent, "payment_method")));
    *card = same ? intent->card : card_by_token(token);
    if (*card != NULL)
        return true;
    stripe_fail_missing(at, "PaymentMethod", token, "payment_method");
    return false;
}

void stripe_intent_create(struct desk_call *at)
{
    static const char *const confirmation_methods[] = {"automatic", "manual", NULL};
    static const char *const booleans[] = {"true", "false", NULL};
    static const char *const types[] = {"card", NULL};
    static const struct param params[] = {
        {"amount", PARAM_AMOUNT, .required = true, .min = 1},
        {"currency", PARAM_WORD, .required = true, .words = param_currencies},
        {"capture_method", PARAM_WORD, .words = param_capture_methods},
        {"confirmation_method", PARAM_WORD, .words = confirmation_methods},
        {"confirm", PARAM_WORD, .words = booleans},
        {"payment_method", .kind = PARAM_TEXT},
        {"payment_method_types[#]", PARAM_WORD, .words = types},
        {"automatic_payment_methods[*]", .kind = PARAM_TEXT},
        {"return_url", .kind = PARAM_URL},
        {"description", PARAM_TEXT, .max = DESCRIPTION_MAX},
        {"statement_descriptor", PARAM_TEXT, .max = DESCRIPTOR_MAX},
        {"statement_descriptor_suffix", PARAM_TEXT, .max = DESCRIPTOR_MAX},
        PARAM_METADATA,
        {"expand[#]", .kind = PARAM_EXPAND},
        {.pattern = NULL},
    };
    const struct card *card = NULL;
    if (!param_check(at, params) || !read_card(at, NULL, &card))
        return;
    bool confirm = param_is(at, "confirm", "true");
    if (confirm && card == NULL) {
        stripe_fail(at, "parameter_missing", "payment_method",
                    "You cannot confirm this PaymentIntent because it's missing a payment method.");
        return;
    }
    if (!confirm && param_given(at, "return_url")) {
        stripe_fail(at, NULL, "return_url",
                    "A return_url can only be given together with confirm=true.");
        return;
    }
    json_t *metadata = param_metadata(at, "metadata", NULL);
    if (metadata == NULL)
        return;
    const char *capture_method = param_text(at, "capture_method");
    const char *descriptor = param_text(at, "statement_descriptor");
    struct object *intent = pay_create(
        at,
        &(struct pay_new){
            .amount = param_number(at, "amount", 0),
            .currency = param_currency(at, "currency"),
            /* What newer API versions say if none is given. */
            .capture_method = capture_method != NULL ? capture_method : "automatic_async",
            .confirmation_method = param_text(at, "confirmation_method"),
            .description = param_text(at, "description"),
            .descriptor =
                descriptor != NULL ? descriptor : param_text(at, "statement_descriptor_suffix"),
            .metadata = metadata,
        },
        card);
    if (param_given(at, "return_url"))
        object_hide(intent, "return_url", json_string(param_get(at, "return_url").ptr));
    if (confirm)
        pay_confirm(at, intent);
    else
        pay_answer(at, intent);
}

/* A session's intent is paid on its page and canceled with it. */
static bool is_of_session(struct desk_call *at, const struct object *intent, const char *what)
{
    if (object_hidden(intent, "session") == NULL)
        return false;
    stripe_fail(at, NULL, NULL,
                "You cannot %s this PaymentIntent because it was created by a Checkout Session.",
                what);
    return true;
}

/* A card and a return_url go into the intent, then it is confirmed. */
static void confirm_with(struct desk_call *at, struct object *intent, const struct card *card)
{
    if (!pay_check(at, intent, INTENT_CONFIRM))
        return;
    if (card == NULL && intent->card == NULL) {
        struct stripe_error error = {
            .status = 400, .code = "payment_intent_unexpected_state", .intent = intent};
        stripe_fail_with(
            at, &error,
            "You cannot confirm this PaymentIntent because it's missing a payment method.");
        return;
    }
    if (param_given(at, "return_url"))
        object_hide(intent, "return_url", json_string(param_get(at, "return_url").ptr));
    pay_use_card(at, intent, card);
    pay_confirm(at, intent);
}

void stripe_intent_confirm(struct desk_call *at)
{
    static const struct param params[] = {
        {"payment_method", .kind = PARAM_TEXT},
        {"return_url", .kind = PARAM_URL},
        {"expand[#]", .kind = PARAM_EXPAND},
        {.pattern = NULL},
    };
    const struct card *card = NULL;
    struct object *intent = of_path(at, params);
    if (intent != NULL && read_card(at, intent, &card) && !is_of_session(at, intent, "confirm"))
        confirm_with(at, intent, card);
}

void stripe_intent_capture(struct desk_call *at)
{
    static const struct param params[] = {
        {"amount_to_capture", PARAM_AMOUNT, .min = 1},
        PARAM_METADATA,
        {"expand[#]", .kind = PARAM_EXPAND},
        {.pattern = NULL},
    };
    struct object *intent = of_path(at, params);
    if (intent == NULL || !pay_check(at, intent, INTENT_CAPTURE))
        return;
    if (pay_has_expired(at->bank, intent, at->now_s)) {
        pay_expire(at, intent);
        stripe_fail_with(at,
                         &(struct stripe_error){
                             .status = 400, .code = "charge_expired_for_capture", .intent = intent},
                         "This charge can no longer be captured: its authorization has expired.");
        return;
    }
    int64_t capturable = object_number(intent, "amount_capturable");
    int64_t amount = param_number(at, "amount_to_capture", capturable);
    if (amount > capturable) {
        stripe_fail(at, "amount_too_large", "amount_to_capture",
                    "The amount_to_capture must be less than or equal to amount_capturable.");
        return;
    }
    json_t *metadata = param_metadata(at, "metadata", json_object_get(intent->shown, "metadata"));
    if (metadata == NULL)
        return;
    object_set(intent, "metadata", metadata);
    pay_capture(at, intent, amount);
    pay_answer(at, intent);
}

void stripe_intent_cancel(struct desk_call *at)
{
    static const char *const reasons[] = {"duplicate", "fraudulent", "requested_by_customer",
                                          "abandoned", NULL};
    static const struct param params[] = {
        {"cancellation_reason", PARAM_WORD, .words = reasons},
        {"expand[#]", .kind = PARAM_EXPAND},
        {.pattern = NULL},
    };
    struct object *intent = of_path(at, params);
    if (intent == NULL || !pay_check(at, intent, INTENT_CANCEL))
        return;
    if (intent->status != INTENT_REQUIRES_CAPTURE && is_of_session(at, intent, "cancel"))
        return;
    pay_cancel(at, intent, param_text(at, "cancellation_reason"));
    pay_answer(at, intent);
}

/* ---- the hosted page and the timer ---- */

/* The intent of a client secret or of a session; NULL: the call has been answered. */
static struct object *of_page(struct desk_call *at, bool make)
{
    struct object *session = bank_find(at->bank, SESSION, at->call->id);
    if (session != NULL)
        return session_intent(at, session, make);
    struct object *intent = bank_find_secret(at->bank, at->call->id);
    if (intent == NULL)
        stripe_fail_missing(at, "payment_intent", SPAN(""), NULL);
    return intent;
}

void stripe_hosted_pay(struct desk_call *at)
{
    static const struct param params[] = {
        {"payment_method", PARAM_TEXT, .required = true},
        {"return_url", .kind = PARAM_URL},
        {.pattern = NULL},
    };
    const struct card *card = NULL;
    if (!param_check(at, params) || !read_card(at, NULL, &card))
        return;
    struct object *intent = of_page(at, true);
    if (intent == NULL)
        return;
    confirm_with(at, intent, card);
    session_settle(at, intent);
}

void stripe_hosted_authenticate(struct desk_call *at)
{
    struct object *intent = of_page(at, false);
    if (intent == NULL || !pay_check(at, intent, INTENT_AUTHENTICATE))
        return;
    pay_authenticate(at, intent, param_is(at, "decision", "approve"));
    session_settle(at, intent);
}

void stripe_authorisation_end(struct desk_call *at)
{
    struct object *charge = bank_find(at->bank, CHARGE, at->call->id);
    assert(charge != NULL);
    struct object *intent = bank_linked(at->bank, charge, "payment_intent");
    if (pay_has_expired(at->bank, intent, at->now_s))
        pay_expire(at, intent);
    pay_answer(at, intent);
}
