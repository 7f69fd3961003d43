/* stripe_refund.c: /v1/refunds. A refund happens at once, and never of more than was captured. */
#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/list.h"
#include "stripe/wire/object.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>
#include <stdlib.h>

static const char *const reasons[] = {"duplicate", "fraudulent", "requested_by_customer", NULL};

enum {
    NO_REASON = sizeof(reasons) / sizeof(reasons[0]) - 1,
    EXPAND = OBJECT_CHARGE | OBJECT_PAYMENT_INTENT
};

/* The intent that payment_intent= or charge= names, or NULL after an error. */
static struct intent *read_target(struct desk_call *at)
{
    struct span id = {0};
    struct intent *intent = NULL;
    uint32_t place = INTENT_NONE;
    if (form_get(at->form, "payment_intent", &id)) {
        intent = bank_find_intent(at->bank, id, &place);
        if (intent == NULL)
            stripe_fail_missing(at, "payment_intent", id, "payment_intent");
    } else if (form_get(at->form, "charge", &id)) {
        struct charge *charge = bank_find_charge(at->bank, id, NULL);
        if (charge == NULL) {
            stripe_fail_missing(at, "charge", id, "charge");
        } else {
            place = charge->intent;
            intent = bank_intent(at->bank, place);
        }
    } else {
        struct stripe_error error = {.status = 400, .code = "parameter_missing"};
        stripe_fail(at, &error,
                    "One of the following params should be provided for this request: "
                    "payment_intent or charge.");
    }
    at->answer->intent = place;
    return intent;
}

/* False: not refundable, or not that much; the call is answered. */
static bool may_refund(struct desk_call *at, const struct intent *intent, int64_t amount)
{
    if (intent->status != INTENT_SUCCEEDED) {
        struct stripe_error error = {
            .status = 400, .code = "charge_not_refundable", .param = "payment_intent"};
        stripe_fail(at, &error,
                    "This PaymentIntent (%s) does not have a successful charge to refund.",
                    intent->id);
        return false;
    }
    if (bank_charge(at->bank, intent->charge)->disputed) {
        struct stripe_error error = {.status = 400, .code = "charge_disputed"};
        stripe_fail(at, &error, "Charge %s has been charged back; cannot issue a refund.",
                    bank_charge(at->bank, intent->charge)->id);
        return false;
    }
    int64_t left = intent_refundable(intent);
    if (left == 0) {
        struct stripe_error error = {.status = 400, .code = "charge_already_refunded"};
        stripe_fail(at, &error, "Charge %s has already been refunded.",
                    bank_charge(at->bank, intent->charge)->id);
        return false;
    }
    if (amount > left) {
        struct stripe_error error = {.status = 400, .code = "amount_too_large", .param = "amount"};
        stripe_fail(at, &error,
                    "Refund amount (%lld) is greater than unrefunded amount on charge (%lld)",
                    (long long)amount, (long long)left);
        return false;
    }
    return true;
}

/* NULL when out of memory or room. */
static struct refund *add_refund(struct desk_call *at, uint32_t charge, int64_t amount,
                                 const char *reason)
{
    struct bank *bank = at->bank;
    struct refund *refund = calloc(1, sizeof(*refund));
    if (refund == NULL)
        return NULL;
    ident_make(refund->id, "re_", bank->refunds.count, at->rng);
    refund->charge = charge;
    refund->amount = amount;
    refund->created_s = at->now_s;
    refund->reason = reason;
    if (meta_merge(&refund->meta, at->form, NULL) < 0 ||
        bank_add(&bank->refunds, refund, NULL) < 0) {
        meta_deinit(&refund->meta);
        free(refund);
        return NULL;
    }
    return refund;
}

void stripe_refund_create(struct desk_call *at)
{
    static const char *const known[] = {"payment_intent", "charge", "amount", "reason",
                                        "metadata",       "expand", NULL};
    int64_t amount = 0;
    unsigned reason = NO_REASON;
    unsigned expand = 0;
    if (!param_only(at, known) || !param_amount(at, "amount", 1, &amount) ||
        !param_word(at, "reason", reasons, &reason) || !param_meta(at, NULL) ||
        !param_expand(at, false, EXPAND, &expand))
        return;
    struct intent *intent = read_target(at);
    if (intent == NULL)
        return;
    if (amount == 0)
        amount = intent_refundable(intent);
    if (!may_refund(at, intent, amount)) {
        at->answer->executed = true; /* a refusal because of the state is stored under the key */
        return;
    }
    struct refund *refund = add_refund(at, intent->charge, amount, reasons[reason]);
    if (refund == NULL) {
        stripe_fail_status(at, 500);
        return;
    }
    at->answer->executed = true;
    intent_refund(intent, amount);
    struct charge *charge = bank_charge(at->bank, intent->charge);
    charge->refunded += amount;
    assert(charge->refunded == intent->refunded);
    at->bank->counts.refunds++;
    object_put_refund(bank_object(at), at->bank, refund, 0);
    bank_emit(at, "refund.created", charge->intent);
    pay_emit_charge(at, "charge.refunded", intent->charge);
    object_put_refund(at->out, at->bank, refund, expand);
    at->answer->status = 200;
}

void stripe_refund_get(struct desk_call *at)
{
    static const char *const known[] = {"expand", NULL};
    unsigned expand = 0;
    struct refund *refund = bank_find_refund(at->bank, at->call->id, NULL);
    if (refund == NULL) {
        stripe_fail_missing(at, "refund", at->call->id, NULL);
        return;
    }
    at->answer->intent = bank_charge(at->bank, refund->charge)->intent;
    if (!param_only(at, known) || !param_expand(at, false, EXPAND, &expand))
        return;
    object_put_refund(at->out, at->bank, refund, expand);
    at->answer->status = 200;
}

/* ---- lists ---- */

static void put(struct text *out, const struct bank *bank, const void *item, unsigned expand)
{
    object_put_refund(out, bank, item, expand);
}

struct filter {
    uint32_t intent; /* INTENT_NONE: all */
    struct span charge;
};

static bool matches(const struct bank *bank, const void *item, const void *of)
{
    const struct filter *filter = of;
    const struct charge *charge = bank_charge(bank, ((const struct refund *)item)->charge);
    if (filter->intent != INTENT_NONE && charge->intent != filter->intent)
        return false;
    return filter->charge.ptr == NULL || span_eq(filter->charge, span_of(charge->id));
}

void stripe_refund_list(struct desk_call *at)
{
    static const char *const known[] = {LIST_PARAMS, "payment_intent", "charge", NULL};
    struct filter filter = {.intent = INTENT_NONE};
    struct list_kind kind = {.url = "/v1/refunds",
                             .what = "refund",
                             .items = &at->bank->refunds,
                             .prefix = "re_",
                             .matches = matches,
                             .put = put,
                             .filter = &filter};
    if (!param_only(at, known) || !param_expand(at, true, EXPAND, &kind.expand))
        return;
    (void)form_get(at->form, "charge", &filter.charge);
    if (param_intent(at, &filter.intent))
        list_answer(at, &kind);
}
