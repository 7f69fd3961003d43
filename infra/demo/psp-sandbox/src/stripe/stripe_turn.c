/* stripe_turn.c: what goes wrong with a payment later, without a call to the API: a refund that the
 * buyer's bank sends back, and a dispute. The control API says when. A payment has at most one
 * dispute, which consists of its events only. */
#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/object.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <stdio.h>

static void answer_nothing(struct desk_call *at)
{
    json_open(at->out, '{');
    json_close(at->out, '}');
    at->answer->status = 200;
    at->answer->executed = true;
}

void stripe_refund_fail(struct desk_call *at)
{
    struct span id = {0};
    if (!param_require(at, "refund") || !param_text(at, "refund", IDENT_MAX, &id))
        return;
    struct refund *refund = bank_find_refund(at->bank, id, NULL);
    if (refund == NULL || refund->failed) {
        stripe_fail_missing(at, "refund", id, "refund");
        return;
    }
    struct charge *charge = bank_charge(at->bank, refund->charge);
    struct intent *intent = bank_intent(at->bank, charge->intent);
    refund->failed = true;
    charge->refunded -= refund->amount;
    intent->refunded -= refund->amount;
    object_put_refund(bank_object(at), at->bank, refund, 0);
    bank_emit(at, "refund.failed", charge->intent);
    answer_nothing(at);
}

static void put_dispute(struct text *out, const struct intent *intent, const struct charge *charge,
                        const char *status)
{
    char id[IDENT_MAX];
    snprintf(id, sizeof(id), "dp_%s", intent->id + 3);
    json_open(out, '{');
    json_member_cstr(out, "id", id);
    json_member_cstr(out, "object", "dispute");
    json_member_i64(out, "amount", intent->received);
    json_member_cstr(out, "charge", charge->id);
    json_member_cstr(out, "currency", intent->currency);
    json_member_cstr(out, "payment_intent", intent->id);
    json_member_cstr(out, "reason", "fraudulent");
    json_member_cstr(out, "status", status);
    json_close(out, '}');
}

void stripe_dispute(struct desk_call *at)
{
    static const char *const statuses[] = {"needs_response", "won", "lost", NULL};
    struct span id = {0};
    unsigned status = 0;
    uint32_t place = INTENT_NONE;
    if (!param_require(at, "payment_intent") || !param_text(at, "payment_intent", IDENT_MAX, &id) ||
        !param_word(at, "status", statuses, &status))
        return;
    struct intent *intent = bank_find_intent(at->bank, id, &place);
    if (intent == NULL || intent->received == 0) {
        stripe_fail_missing(at, "payment_intent", id, "payment_intent");
        return;
    }
    struct charge *charge = bank_charge(at->bank, intent->charge);
    charge->disputed = status != 1;
    put_dispute(bank_object(at), intent, charge, statuses[status]);
    bank_emit(at, status == 0 ? "charge.dispute.created" : "charge.dispute.closed", place);
    answer_nothing(at);
}
