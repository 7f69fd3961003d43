/* refund.c: /v1/refunds, and later failures that need no API call: a refund that the buyer's bank
 * sends back, and a dispute; the control API triggers them. A refund happens at once, and never of
 * more than was captured. A payment has at most one dispute, which exists only as its events. */
#include "stripe/stripe_internal.h"

#include <assert.h>
#include <stdio.h>

/* The intent that payment_intent= or charge= names; NULL: the call has been answered. */
static struct object *read_target(struct call *call)
{
    bool by_intent = param_get(call, "payment_intent").ptr != NULL;
    const char *name = by_intent ? "payment_intent" : "charge";
    struct span id = param_get(call, name);
    struct object *found = bank_find(call->bank, by_intent ? INTENT : CHARGE, id);
    if (id.ptr == NULL)
        stripe_fail(call, "parameter_missing", NULL,
                    "One of the following params should be provided for this request: "
                    "payment_intent or charge.");
    else if (found == NULL)
        error_missing(call, name, id, name);
    return found == NULL || by_intent ? found : bank_linked(call->bank, found, "payment_intent");
}

/* False: not refundable, or not that much; the call is answered. */
static bool may_refund(struct call *call, const struct object *intent, int64_t amount)
{
    if (intent->status != INTENT_SUCCEEDED)
        return stripe_fail(call, "charge_not_refundable", "payment_intent",
                           "This PaymentIntent (%s) does not have a successful charge to refund.",
                           intent->id);
    const struct object *charge = bank_linked(call->bank, intent, "latest_charge");
    int64_t left = stripe_refundable(call->bank, intent);
    if (json_is_true(json_object_get(charge->shown, "disputed")))
        return stripe_fail(call, "charge_disputed", NULL,
                           "Charge %s has been charged back; cannot issue a refund.", charge->id);
    if (left == 0)
        return stripe_fail(call, "charge_already_refunded", NULL,
                           "Charge %s has already been refunded.", charge->id);
    if (amount > left)
        return stripe_fail(call, "amount_too_large", "amount",
                           "Refund amount (%lld) is greater than unrefunded amount on charge "
                           "(%lld)",
                           (long long)amount, (long long)left);
    return true;
}

static void add_refunded(struct object *charge, int64_t amount)
{
    int64_t refunded = bank_number(charge, "amount_refunded") + amount;
    int64_t captured = bank_number(charge, "amount_captured");
    assert(refunded >= 0 && refunded <= captured);
    bank_set(charge, json_pack("{s:I,s:b}", "amount_refunded", (json_int_t)refunded, "refunded",
                               refunded == captured));
}

bool stripe_refund_create(struct call *call)
{
    static const char params[] =
        "payment_intent=text charge=text amount=amount:1 "
        "reason=duplicate|fraudulent|requested_by_customer metadata[*]=meta expand[#]=expand";
    struct object *intent = param_check(call, params) ? read_target(call) : NULL;
    if (intent == NULL)
        return false;
    int64_t amount = param_number(call, "amount", stripe_refundable(call->bank, intent));
    if (!may_refund(call, intent, amount))
        return true; /* a refusal because of the state is stored under the key */
    struct object *charge = bank_linked(call->bank, intent, "latest_charge");
    json_t *shown = json_pack("{s:n,s:n,s:I,s:s,s:s,s:o,s:s,s:s?,s:s}", "id", "object", "amount",
                              (json_int_t)amount, "charge", charge->id, "currency",
                              bank_text(intent, "currency"), "metadata",
                              param_metadata(call, "metadata"), "payment_intent", intent->id,
                              "reason", param_text(call, "reason", NULL), "status", "succeeded");
    struct object *refund = bank_make(call, REFUND, shown);
    add_refunded(charge, amount);
    bank_emit(call, "refund.created", refund);
    bank_emit(call, "charge.refunded", charge);
    return pay_answer(call, refund);
}

/* ---- later ---- */

bool stripe_refund_fail(struct call *call)
{
    struct object *refund = bank_find(call->bank, REFUND, param_get(call, "refund"));
    if (refund == NULL || strcmp(bank_text(refund, "status"), "failed") == 0)
        return error_missing(call, "refund", param_get(call, "refund"), "refund");
    bank_set(refund,
             json_pack("{s:s,s:s}", "status", "failed", "failure_reason", "lost_or_stolen_card"));
    add_refunded(bank_linked(call->bank, refund, "charge"), -bank_number(refund, "amount"));
    bank_emit(call, "refund.failed", refund);
    return pay_answer(call, refund);
}

bool stripe_dispute(struct call *call)
{
    if (!param_check(call, "payment_intent!=text status=needs_response|won|lost"))
        return false;
    struct span id = param_get(call, "payment_intent");
    struct object *intent = bank_find(call->bank, INTENT, id);
    if (intent == NULL || bank_number(intent, "amount_received") == 0)
        return error_missing(call, "payment_intent", id, "payment_intent");
    struct object *charge = bank_linked(call->bank, intent, "latest_charge");
    const char *status = param_text(call, "status", "needs_response");
    bool opened = strcmp(status, "needs_response") == 0;
    char dispute[BANK_ID_MAX];
    snprintf(dispute, sizeof(dispute), "dp_%s", intent->id + 3);
    bank_set(charge, json_pack("{s:b}", "disputed", opened || strcmp(status, "lost") == 0));
    json_t *json =
        json_pack("{s:s,s:s,s:O,s:s,s:s,s:s,s:s,s:s}", "id", dispute, "object", "dispute", "amount",
                  json_object_get(intent->shown, "amount_received"), "charge", charge->id,
                  "currency", bank_text(intent, "currency"), "payment_intent", intent->id, "reason",
                  "fraudulent", "status", status);
    bank_emit_json(call, opened ? "charge.dispute.created" : "charge.dispute.closed", json);
    return pay_answer(call, intent);
}
