/* intent.c: /v1/payment_intents and the hosted page of a payment. Each call first checks its
 * parameters, then the state, and only then changes anything. */
#include "stripe/stripe_internal.h"

#include <assert.h>

/* The intent in the path; NULL: the call has been answered. */
static struct object *of_path(struct call *call, const char *params)
{
    struct object *intent = bank_find(call->bank, INTENT, call->id);
    if (intent == NULL)
        error_missing(call, "payment_intent", call->id, NULL);
    return intent != NULL && param_check(call, params) ? intent : NULL;
}

/* The test card that payment_method names; NULL: the call has been answered. */
static const struct card *read_card(struct call *call)
{
    struct span token = param_get(call, "payment_method");
    const struct card *card = card_by_token(token);
    if (token.ptr == NULL)
        stripe_fail(call, "parameter_missing", "payment_method",
                    "You cannot confirm this PaymentIntent because it's missing a payment method.");
    else if (card == NULL)
        error_missing(call, "PaymentMethod", token, "payment_method");
    return card;
}

static void confirm_with(struct call *call, struct object *intent, const struct card *card)
{
    const char *return_url = param_text(call, "return_url", NULL);
    if (return_url != NULL)
        bank_hide(intent, json_pack("{s:s}", "return_url", return_url));
    pay_confirm(call, intent, card);
}

bool stripe_intent_create(struct call *call)
{
    static const char params[] =
        "amount!=amount:1 currency!=currency capture_method=automatic|automatic_async|manual "
        "confirm=true|false payment_method=text payment_method_types[#]=card return_url=url "
        "description=text:1000 metadata[*]=meta expand[#]=expand";
    if (!param_check(call, params))
        return false;
    bool confirm = param_is(call, "confirm", "true");
    bool paying = confirm || param_get(call, "payment_method").ptr != NULL ||
                  param_get(call, "return_url").ptr != NULL;
    const struct card *card = paying ? read_card(call) : NULL;
    if (paying && card == NULL)
        return false;
    if (paying && !confirm)
        return stripe_fail(call, NULL, "confirm",
                           "A payment_method and a return_url are taken with confirm=true only.");
    /* "automatic_async" is the default of newer API versions. */
    struct object *intent =
        pay_create(call, param_number(call, "amount", 0), param_currency(call, "currency"),
                   param_text(call, "capture_method", "automatic_async"),
                   param_text(call, "description", NULL), param_metadata(call, "metadata"));
    if (paying)
        confirm_with(call, intent, card);
    else
        pay_answer(call, intent);
    return true;
}

/* A session's intent is paid on its page and canceled with it. */
static bool is_of_session(struct call *call, const struct object *intent, const char *what)
{
    return bank_hidden(intent, "session") != NULL &&
           !stripe_fail(
               call, NULL, NULL,
               "You cannot %s this PaymentIntent because it was created by a Checkout Session.",
               what);
}

bool stripe_intent_confirm(struct call *call)
{
    struct object *intent = of_path(call, "payment_method=text return_url=url expand[#]=expand");
    if (intent == NULL || is_of_session(call, intent, "confirm"))
        return false;
    if (!pay_check(call, intent, INTENT_CONFIRM))
        return true;
    const struct card *card = read_card(call);
    if (card == NULL)
        return false;
    confirm_with(call, intent, card);
    return true;
}

bool stripe_intent_capture(struct call *call)
{
    struct object *intent = of_path(call, "amount_to_capture=amount:1 expand[#]=expand");
    if (intent == NULL)
        return false;
    if (!pay_check(call, intent, INTENT_CAPTURE))
        return true;
    if (pay_expire(call, intent)) {
        const struct stripe_error error = {
            .status = 400, .code = "charge_expired_for_capture", .intent = intent};
        stripe_fail_with(call, &error,
                         "This charge can no longer be captured: its authorization has expired.");
        return true;
    }
    int64_t capturable = bank_number(intent, "amount_capturable");
    int64_t amount = param_number(call, "amount_to_capture", capturable);
    if (amount > capturable)
        return stripe_fail(
            call, "amount_too_large", "amount_to_capture",
            "The amount_to_capture must be less than or equal to amount_capturable.");
    pay_capture(call, intent, amount);
    return pay_answer(call, intent);
}

bool stripe_intent_cancel(struct call *call)
{
    static const char params[] =
        "cancellation_reason=duplicate|fraudulent|requested_by_customer|abandoned "
        "expand[#]=expand";
    struct object *intent = of_path(call, params);
    if (intent == NULL)
        return false;
    if (!pay_check(call, intent, INTENT_CANCEL))
        return true;
    if (intent->status != INTENT_REQUIRES_CAPTURE && is_of_session(call, intent, "cancel"))
        return false;
    pay_cancel(call, intent, param_text(call, "cancellation_reason", NULL), "charge.refunded");
    return pay_answer(call, intent);
}

/* ---- the hosted page and the timer ---- */

/* The intent of a client secret or of a session; NULL: the call has been answered. */
static struct object *of_page(struct call *call, bool make)
{
    struct object *session = bank_find(call->bank, SESSION, call->id);
    if (session != NULL)
        return session_intent(call, session, make);
    struct object *intent = bank_find_secret(call->bank, call->id);
    if (intent == NULL)
        error_missing(call, "payment_intent", SPAN(""), NULL);
    return intent;
}

bool stripe_hosted_pay(struct call *call)
{
    if (!param_check(call, "payment_method!=text return_url=url"))
        return false;
    const struct card *card = read_card(call);
    struct object *intent = card != NULL ? of_page(call, true) : NULL;
    if (intent == NULL)
        return false;
    if (pay_check(call, intent, INTENT_CONFIRM)) {
        confirm_with(call, intent, card);
        session_settle(call, intent);
    }
    return true;
}

bool stripe_hosted_authenticate(struct call *call)
{
    struct object *intent = of_page(call, false);
    if (intent == NULL)
        return false;
    if (pay_check(call, intent, INTENT_AUTHENTICATE)) {
        pay_authenticate(call, intent, param_is(call, "decision", "approve"));
        session_settle(call, intent);
    }
    return true;
}

bool stripe_authorisation_end(struct call *call)
{
    struct object *charge = bank_find(call->bank, CHARGE, call->id);
    assert(charge != NULL);
    struct object *intent = bank_linked(call->bank, charge, "payment_intent");
    bool expired = pay_expire(call, intent);
    pay_answer(call, intent);
    return expired;
}
