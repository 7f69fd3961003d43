/* refund.c: /v1/refunds, and what goes wrong with a payment later, without a call to the API: a
 * refund that the buyer's bank sends back, and a dispute. The control API says when. A refund
 * happens at once, and never of more than was captured. A payment has at most one dispute, which
 * consists of its events. */
#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>
#include <stdio.h>

/* The intent that payment_intent= or charge= names; NULL: the call has been answered. */
static struct object *read_target(struct desk_call *at)
{
    bool by_intent = param_given(at, "payment_intent");
    const char *name = by_intent ? "payment_intent" : "charge";
    if (!param_given(at, name)) {
        stripe_fail(at, "parameter_missing", NULL,
                    "One of the following params should be provided for this request: "
                    "payment_intent or charge.");
        return NULL;
    }
    struct span id = param_get(at, name);
    struct object *found = bank_find(at->bank, by_intent ? INTENT : CHARGE, id);
    if (found == NULL)
        stripe_fail_missing(at, name, id, name);
    return found == NULL || by_intent ? found : bank_linked(at->bank, found, "payment_intent");
}

/* False: not refundable, or not that much; the call is answered. */
static bool may_refund(struct desk_call *at, const struct object *intent, int64_t amount)
{
    if (intent->status != INTENT_SUCCEEDED) {
        stripe_fail(at, "charge_not_refundable", "payment_intent",
                    "This PaymentIntent (%s) does not have a successful charge to refund.",
                    intent->id);
        return false;
    }
    const struct object *charge = bank_linked(at->bank, intent, "latest_charge");
    int64_t left = pay_refundable(at->bank, intent);
    if (json_is_true(json_object_get(charge->shown, "disputed")))
        stripe_fail(at, "charge_disputed", NULL,
                    "Charge %s has been charged back; cannot issue a refund.", charge->id);
    else if (left == 0)
        stripe_fail(at, "charge_already_refunded", NULL, "Charge %s has already been refunded.",
                    charge->id);
    else if (amount > left)
        stripe_fail(at, "amount_too_large", "amount",
                    "Refund amount (%lld) is greater than unrefunded amount on charge (%lld)",
                    (long long)amount, (long long)left);
    else
        return true;
    return false;
}

static void add_refunded(struct object *charge, int64_t amount)
{
    int64_t refunded = object_number(charge, "amount_refunded") + amount;
    int64_t captured = object_number(charge, "amount_captured");
    assert(refunded >= 0 && refunded <= captured);
    object_set_number(charge, "amount_refunded", refunded);
    object_set(charge, "refunded", json_boolean(refunded == captured));
}

void stripe_refund_create(struct desk_call *at)
{
    static const char *const reasons[] = {"duplicate", "fraudulent", "requested_by_customer", NULL};
    static const struct param params[] = {
        {"payment_intent", .kind = PARAM_TEXT},
        {"charge", .kind = PARAM_TEXT},
        {"amount", PARAM_AMOUNT, .min = 1},
        {"reason", PARAM_WORD, .words = reasons},
        PARAM_METADATA,
        {"expand[#]", .kind = PARAM_EXPAND},
        {.pattern = NULL},
    };
    struct object *intent = param_check(at, params) ? read_target(at) : NULL;
    if (intent == NULL)
        return;
    int64_t amount = param_number(at, "amount", pay_refundable(at->bank, intent));
    if (!may_refund(at, intent, amount)) {
        at->answer->executed = true; /* a refusal because of the state is stored under the key */
        return;
    }
    json_t *metadata = param_metadata(at, "metadata", NULL);
    if (metadata == NULL)
        return;
    struct object *charge = bank_linked(at->bank, intent, "latest_charge");
    json_t *shown = json_pack(
        "{s:n,s:n,s:I,s:s,s:s,s:o,s:s,s:s?,s:s}", "id", "object", "amount", (json_int_t)amount,
        "charge", charge->id, "currency", object_text(intent, "currency"), "metadata", metadata,
        "payment_intent", intent->id, "reason", param_text(at, "reason"), "status", "succeeded");
    struct object *refund = bank_make(at, REFUND, shown);
    at->answer->executed = true;
    add_refunded(charge, amount);
    at->bank->counts.refunds++;
    bank_emit(at, "refund.created", refund);
    bank_emit(at, "charge.refunded", charge);
    pay_answer(at, refund);
}

/* ---- later ---- */

static void answer_nothing(struct desk_call *at)
{
    TEXT_LIT(at->out, "{}");
    at->answer->status = 200;
    at->answer->executed = true;
}

void stripe_refund_fail(struct desk_call *at)
{
    struct object *refund = bank_find(at->bank, REFUND, param_get(at, "refund"));
    if (refund == NULL || strcmp(object_text(refund, "status"), "failed") == 0) {
        stripe_fail_missing(at, "refund", param_get(at, "refund"), "refund");
        return;
    }
    struct object *charge = bank_linked(at->bank, refund, "charge");
    object_set_text(refund, "status", "failed");
    object_set_text(refund, "failure_reason", "lost_or_stolen_card");
    add_refunded(charge, -object_number(refund, "amount"));
    bank_emit(at, "refund.failed", refund);
    answer_nothing(at);
}

void stripe_dispute(struct desk_call *at)
{
    static const char *const statuses[] = {"needs_response", "won", "lost", NULL};
    static const struct param params[] = {
        {"payment_intent", PARAM_TEXT, .required = true},
        {"status", PARAM_WORD, .words = statuses},
        {.pattern = NULL},
    };
    if (!param_check(at, params))
        return;
    struct span id = param_get(at, "payment_intent");
    struct object *intent = bank_find(at->bank, INTENT, id);
    if (intent == NULL || object_number(intent, "amount_received") == 0) {
        stripe_fail_missing(at, "payment_intent", id, "payment_intent");
        return;
    }
    struct object *charge = bank_linked(at->bank, intent, "latest_charge");
    const char *status = param_text(at, "status");
    bool opened = status == NULL || strcmp(status, "needs_response") == 0;
    char dispute[IDENT_MAX];
    snprintf(dispute, sizeof(dispute), "dp_%s", intent->id + 3);
    object_set(charge, "disputed", json_boolean(opened || strcmp(status, "lost") == 0));
    json_t *json =
        json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:s}", "id", dispute, "object", "dispute", "amount",
                  (json_int_t)object_number(intent, "amount_received"), "charge", charge->id,
                  "currency", object_text(intent, "currency"), "payment_intent", intent->id,
                  "reason", "fraudulent", "status", opened ? "needs_response" : status);
    bank_emit_json(at, opened ? "charge.dispute.created" : "charge.dispute.closed", json);
    answer_nothing(at);
}
