/* pay.c: one attempt makes one charge, refused or not; asking the buyer first makes none yet. Each
 * act changes the intent, writes its charge and its events in that sequence, and cannot fail
 * half-way: the memory it needs is taken before the intent moves. */
#include "stripe/pay.h"

#include "stripe/wire/object.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>
#include <stdlib.h>

struct intent *pay_new_intent(struct desk_call *at, int64_t amount, const char *currency,
                              enum intent_capture capture)
{
    struct bank *bank = at->bank;
    struct intent *intent = bank->intents.count < INTENTS_MAX ? calloc(1, sizeof(*intent)) : NULL;
    if (intent == NULL)
        return NULL;
    ident_make(intent->id, "pi_", bank->intents.count, at->rng);
    ident_secret(intent->secret, intent->id, at->rng);
    intent->capture_method = capture;
    strcpy(intent->currency, currency);
    intent->amount = amount;
    intent->created_s = at->now_s;
    intent->charge = INTENT_NONE;
    intent->session = SESSION_NONE;
    return intent;
}

void pay_answer(struct desk_call *at, const struct intent *intent, unsigned expand)
{
    object_put_intent(at->out, at->bank, intent, expand);
    at->answer->status = 200;
}

void pay_unexpected_state(struct desk_call *at, const struct intent *intent, const char *words)
{
    struct stripe_error error = {
        .status = 400, .code = "payment_intent_unexpected_state", .intent = intent};
    stripe_fail(at, &error, "%s because it has a status of %s.", words,
                intent_status_name(intent->status));
    at->answer->executed = true;
}

void pay_emit_intent(struct desk_call *at, const char *type, uint32_t place)
{
    object_put_intent(bank_object(at), at->bank, bank_intent(at->bank, place), 0);
    bank_emit(at, type, place);
}

void pay_emit_charge(struct desk_call *at, const char *type, uint32_t charge)
{
    const struct charge *about = bank_charge(at->bank, charge);
    object_put_charge(bank_object(at), at->bank, about, 0);
    bank_emit(at, type, about->intent);
}

/* An authorisation lasts a week, or as long as the payment's metadata says. */
static uint64_t capture_before_s(const struct desk_call *at, const struct intent *intent)
{
    uint64_t window_s = at->bank->conf.capture_window_s;
    const char *wanted = meta_get(&intent->meta, "sandbox_capture_window_s");
    if (wanted != NULL)
        (void)span_u64(span_of(wanted), 366 * 24 * 3600, &window_s);
    return at->now_s + window_s;
}

/* NULL when out of memory. */
static struct charge *add_charge(struct desk_call *at, const struct intent *intent, uint32_t place)
{
    struct bank *bank = at->bank;
    struct charge *charge = calloc(1, sizeof(*charge));
    if (charge == NULL)
        return NULL;
    ident_make(charge->id, "ch_", bank->charges.count, at->rng);
    strcpy(charge->payment_method, intent->payment_method);
    charge->intent = place;
    charge->amount = intent->amount;
    charge->created_s = at->now_s;
    charge->card = intent->card;
    charge->approved = intent->card->code == NULL;
    if (bank_add(&bank->charges, charge, NULL) < 0) {
        free(charge);
        return NULL;
    }
    return charge;
}

static void charge_card(struct desk_call *at, struct intent *intent, uint32_t place,
                        unsigned expand)
{
    struct charge *charge = add_charge(at, intent, place);
    if (charge == NULL) {
        stripe_fail_status(at, 500);
        return;
    }
    uint32_t charge_place = at->bank->charges.count - 1;
    intent->charge = charge_place;
    if (!charge->approved) {
        const struct card *refusal = intent->card;
        intent_refuse(intent, refusal);
        at->bank->counts.declines++;
        pay_emit_charge(at, "charge.failed", charge_place);
        pay_emit_intent(at, "payment_intent.payment_failed", place);
        stripe_fail(at,
                    &(struct stripe_error){
                        .status = 402, .refusal = refusal, .charge = charge, .intent = intent},
                    "%s", refusal->says);
        return;
    }
    intent_approve(intent);
    bool manual = intent->status == INTENT_REQUIRES_CAPTURE;
    if (manual) {
        charge->capture_before_s = capture_before_s(at, intent);
    } else {
        charge->captured = true;
        charge->captured_amount = intent->received;
        at->bank->counts.captures++;
    }
    pay_emit_charge(at, "charge.succeeded", charge_place);
    pay_emit_intent(
        at, manual ? "payment_intent.amount_capturable_updated" : "payment_intent.succeeded",
        place);
    pay_answer(at, intent, expand);
}

void pay_confirm(struct desk_call *at, struct intent *intent, uint32_t place, unsigned expand)
{
    assert(intent->status == INTENT_REQUIRES_CONFIRMATION);
    at->answer->executed = true;
    if (!intent->card->asks) {
        charge_card(at, intent, place, expand);
        return;
    }
    intent_ask(intent);
    pay_emit_intent(at, "payment_intent.requires_action", place);
    pay_answer(at, intent, expand);
}

void pay_authenticate(struct desk_call *at, struct intent *intent, uint32_t place, bool yes)
{
    assert(intent_may(intent, INTENT_ACT_AUTHENTICATE));
    at->answer->executed = true;
    if (yes) {
        charge_card(at, intent, place, 0);
        return;
    }
    intent_refuse(intent, NULL);
    at->bank->counts.declines++;
    pay_emit_intent(at, "payment_intent.payment_failed", place);
    pay_answer(at, intent, 0);
}

void pay_capture(struct desk_call *at, struct intent *intent, uint32_t place, int64_t amount)
{
    struct charge *charge = bank_charge(at->bank, intent->charge);
    assert(charge->approved && !charge->captured && !charge->released);
    at->answer->executed = true;
    intent_capture(intent, amount);
    charge->captured = true;
    charge->captured_amount = amount;
    at->bank->counts.captures++;
    pay_emit_charge(at, "charge.captured", intent->charge);
    pay_emit_intent(at, "payment_intent.succeeded", place);
}

static void cancel(struct desk_call *at, struct intent *intent, uint32_t place, const char *reason,
                   const char *charge_event)
{
    bool held = intent->status == INTENT_REQUIRES_CAPTURE;
    at->answer->executed = true;
    intent_cancel(intent, reason, at->now_s);
    if (held) {
        struct charge *charge = bank_charge(at->bank, intent->charge);
        assert(!charge->captured);
        charge->released = true;
        pay_emit_charge(at, charge_event, intent->charge);
    }
    pay_emit_intent(at, "payment_intent.canceled", place);
}

void pay_cancel(struct desk_call *at, struct intent *intent, uint32_t place, const char *reason)
{
    cancel(at, intent, place, reason, "charge.refunded");
}

void pay_expire(struct desk_call *at, struct intent *intent, uint32_t place)
{
    assert(intent->status == INTENT_REQUIRES_CAPTURE);
    bank_charge(at->bank, intent->charge)->expired = true;
    cancel(at, intent, place, "automatic", "charge.expired");
}

bool pay_has_expired(const struct bank *bank, const struct intent *intent, uint64_t now_s)
{
    return intent->status == INTENT_REQUIRES_CAPTURE &&
           now_s >= bank_charge(bank, intent->charge)->capture_before_s;
}
