/* pay.c: one table says which states follow which and which acts a state allows, and one function
 * makes all transitions. Each attempt makes one charge, refused or not; while the buyer is being
 * asked there is none yet. After every change the amounts are checked against the state: money that
 * does not add up stops the sandbox at once, not a test much later. */
#include "stripe/stripe_internal.h"

#include <assert.h>
#include <stdio.h>

#define BIT(n) (1u << (n))
#define TRIED                                                                                      \
    (BIT(INTENT_REQUIRES_PAYMENT_METHOD) | BIT(INTENT_REQUIRES_ACTION) |                           \
     BIT(INTENT_REQUIRES_CAPTURE) | BIT(INTENT_SUCCEEDED) | BIT(INTENT_CANCELED))

static const struct {
    const char *name;
    unsigned next, acts;
} states[INTENT_STATUS_COUNT] = {
    [INTENT_REQUIRES_PAYMENT_METHOD] = {"requires_payment_method", TRIED,
                                        BIT(INTENT_CONFIRM) | BIT(INTENT_CANCEL)},
    [INTENT_REQUIRES_ACTION] = {"requires_action", TRIED,
                                BIT(INTENT_CONFIRM) | BIT(INTENT_AUTHENTICATE) |
                                    BIT(INTENT_CANCEL)},
    [INTENT_REQUIRES_CAPTURE] = {"requires_capture", BIT(INTENT_SUCCEEDED) | BIT(INTENT_CANCELED),
                                 BIT(INTENT_CAPTURE) | BIT(INTENT_CANCEL)},
    [INTENT_SUCCEEDED] = {"succeeded", 0, 0}, /* refunds change amounts, not the state */
    [INTENT_CANCELED] = {"canceled", 0, 0},
};

bool stripe_may(const struct object *intent, enum intent_act act)
{
    assert(intent->kind == INTENT);
    return (states[intent->status].acts & BIT(act)) != 0;
}

int64_t stripe_refundable(const struct bank *bank, const struct object *intent)
{
    const struct object *charge = bank_linked(bank, intent, "latest_charge");
    int64_t refunded = charge != NULL ? bank_number(charge, "amount_refunded") : 0;
    return bank_number(intent, "amount_received") - refunded;
}

static void check(const struct bank *bank, const struct object *intent)
{
    int64_t amount = bank_number(intent, "amount");
    int64_t capturable = bank_number(intent, "amount_capturable");
    int64_t received = bank_number(intent, "amount_received");
    int64_t refundable = stripe_refundable(bank, intent);
    bool canceled = bank_number(intent, "canceled_at") != 0;
    assert(amount > 0);
    assert((capturable > 0) == (intent->status == INTENT_REQUIRES_CAPTURE));
    assert((received > 0) == (intent->status == INTENT_SUCCEEDED));
    assert(capturable <= amount);
    assert(received <= amount);
    assert(refundable >= 0 && refundable <= received);
    assert((intent->card != NULL) == (bank_text(intent, "payment_method") != NULL));
    assert(canceled == (intent->status == INTENT_CANCELED));
}

/* Moves to another state and sets the members that go with it; takes them. */
static void move(struct call *call, struct object *intent, enum intent_status to, json_t *members)
{
    assert((states[intent->status].next & BIT(to)) != 0);
    intent->status = to;
    bank_set(intent, json_pack("{s:s,s:n}", "status", states[to].name, "next_action"));
    bank_set(intent, members);
    check(call->bank, intent);
    /* Money that is only authorised is not paid, as at Stripe. */
    struct object *session =
        bank_find(call->bank, SESSION, span_of(bank_hidden(intent, "session")));
    if (session != NULL && to == INTENT_SUCCEEDED)
        bank_set(session, json_pack("{s:s}", "payment_status", "paid"));
}

bool pay_answer(struct call *call, const struct object *object)
{
    struct expand expand;
    param_expand(call, &expand);
    bank_put(call->out, call->bank, object, &expand);
    call->status = 200;
    return true;
}

bool pay_check(struct call *call, const struct object *intent, enum intent_act act)
{
    static const char *const words[] = {"confirmed", "authenticated", "captured", "canceled"};
    const struct stripe_error error = {
        .status = 400, .code = "payment_intent_unexpected_state", .intent = intent};
    return stripe_may(intent, act) ||
           stripe_fail_with(call, &error,
                            "This PaymentIntent could not be %s because it has a status of %s.",
                            words[act], bank_text(intent, "status"));
}

/* ---- a new one ---- */

struct object *pay_create(struct call *call, int64_t amount, const char *currency,
                          const char *capture_method, const char *description, json_t *metadata)
{
    char secret[BANK_SECRET_MAX], prefix[BANK_SECRET_MAX];
    json_t *shown =
        json_pack("{s:n,s:n,s:I,s:i,s:i,s:n,s:n,s:s,s:s,s:s,s:s?,s:n,s:n,s:o,s:n,s:n,s:[s],s:s}",
                  "id", "object", "amount", (json_int_t)amount, "amount_capturable", 0,
                  "amount_received", 0, "canceled_at", "cancellation_reason", "capture_method",
                  capture_method, "confirmation_method", "automatic", "currency", currency,
                  "description", description, "last_payment_error", "latest_charge", "metadata",
                  metadata, "next_action", "payment_method", "payment_method_types", "card",
                  "status", states[INTENT_REQUIRES_PAYMENT_METHOD].name);
    struct object *intent = bank_make(call, INTENT, shown);
    snprintf(prefix, sizeof(prefix), "%s_secret_", intent->id);
    bank_id(call, prefix, secret);
    bank_set(intent, json_pack("{s:s}", "client_secret", secret));
    bank_emit(call, "payment_intent.created", intent);
    check(call->bank, intent);
    return intent;
}

/* ---- an attempt ---- */

static struct object *add_charge(struct call *call, struct object *intent)
{
    const struct card *card = intent->card;
    bool good = card->code == NULL;
    bool manual = strcmp(bank_text(intent, "capture_method"), "manual") == 0;
    bool captured = good && !manual;
    int64_t amount = bank_number(intent, "amount");
    uint64_t until_s = good && manual ? call->now_s + CAPTURE_WINDOW_S : 0;
    json_t *details =
        json_pack("{s:{s:s,s:o,s:s},s:s}", "card", "brand", card->brand, "capture_before",
                  until_s != 0 ? json_integer((json_int_t)until_s) : json_null(), "last4",
                  card_last4(card), "type", "card");
    json_t *shown = json_pack(
        "{s:n,s:n,s:I,s:I,s:i,s:b,s:s,s:O,s:b,s:s?,s:s?,s:O,s:b,s:s,s:s,s:o,s:b,s:s}", "id",
        "object", "amount", (json_int_t)amount, "amount_captured",
        (json_int_t)(captured ? amount : 0), "amount_refunded", 0, "captured", captured, "currency",
        bank_text(intent, "currency"), "description", json_object_get(intent->shown, "description"),
        "disputed", 0, "failure_code", card->code, "failure_message", card->says, "metadata",
        json_object_get(intent->shown, "metadata"), "paid", good, "payment_intent", intent->id,
        "payment_method", bank_text(intent, "payment_method"), "payment_method_details", details,
        "refunded", 0, "status", good ? "succeeded" : "failed");
    struct object *charge = bank_make(call, CHARGE, shown);
    charge->card = card;
    charge->until_s = until_s;
    bank_set(intent, json_pack("{s:s}", "latest_charge", charge->id));
    return charge;
}

/* Returns to requires_payment_method; takes `error`, which is last_payment_error. */
static void refuse(struct call *call, struct object *intent, json_t *error)
{
    intent->card = NULL;
    move(call, intent, INTENT_REQUIRES_PAYMENT_METHOD,
         json_pack("{s:n,s:o}", "payment_method", "last_payment_error", error));
}

static void charge_card(struct call *call, struct object *intent)
{
    const struct card *card = intent->card;
    struct object *charge = add_charge(call, intent);
    if (card->code != NULL) {
        const struct stripe_error error = {
            .status = 402, .refusal = card, .charge = charge, .intent = intent};
        refuse(call, intent, error_refusal(card));
        bank_emit(call, "charge.failed", charge);
        bank_emit(call, "payment_intent.payment_failed", intent);
        stripe_fail_with(call, &error, "%s", card->says);
        return;
    }
    bool manual = charge->until_s != 0;
    move(call, intent, manual ? INTENT_REQUIRES_CAPTURE : INTENT_SUCCEEDED,
         json_pack("{s:n,s:O}", "last_payment_error",
                   manual ? "amount_capturable" : "amount_received",
                   json_object_get(intent->shown, "amount")));
    bank_emit(call, "charge.succeeded", charge);
    bank_emit(call,
              manual ? "payment_intent.amount_capturable_updated" : "payment_intent.succeeded",
              intent);
    pay_answer(call, intent);
}

void pay_confirm(struct call *call, struct object *intent, const struct card *card)
{
    char payment_method[BANK_ID_MAX];
    assert(stripe_may(intent, INTENT_CONFIRM));
    bank_id(call, "pm_", payment_method);
    bank_set(intent, json_pack("{s:s}", "payment_method", payment_method));
    intent->card = card;
    if (!card->asks) {
        charge_card(call, intent);
        return;
    }
    char url[URL_MAX];
    int len = snprintf(url, sizeof(url), "%s/pay/%s/authenticate", call->bank->settings->public_url,
                       bank_text(intent, "client_secret"));
    assert(len < URL_MAX);
    move(call, intent, INTENT_REQUIRES_ACTION,
         json_pack("{s:n,s:{s:{s:s?,s:s},s:s}}", "last_payment_error", "next_action",
                   "redirect_to_url", "return_url", bank_hidden(intent, "return_url"), "url", url,
                   "type", "redirect_to_url"));
    bank_emit(call, "payment_intent.requires_action", intent);
    pay_answer(call, intent);
}

void pay_authenticate(struct call *call, struct object *intent, bool yes)
{
    assert(stripe_may(intent, INTENT_AUTHENTICATE));
    if (yes) {
        charge_card(call, intent);
        return;
    }
    refuse(call, intent,
           json_pack("{s:s,s:s,s:s}", "code", "payment_intent_authentication_failure", "message",
                     "The provided PaymentMethod has failed authentication.", "type",
                     "invalid_request_error"));
    bank_emit(call, "payment_intent.payment_failed", intent);
    pay_answer(call, intent);
}

/* ---- afterwards ---- */

void pay_capture(struct call *call, struct object *intent, int64_t amount)
{
    struct object *charge = bank_linked(call->bank, intent, "latest_charge");
    assert(amount > 0 && amount <= bank_number(intent, "amount_capturable"));
    assert(charge->until_s != 0);
    charge->until_s = 0;
    bank_set(charge, json_pack("{s:b,s:I}", "captured", 1, "amount_captured", (json_int_t)amount));
    move(call, intent, INTENT_SUCCEEDED,
         json_pack("{s:i,s:I}", "amount_capturable", 0, "amount_received", (json_int_t)amount));
    bank_emit(call, "charge.captured", charge);
    bank_emit(call, "payment_intent.succeeded", intent);
}

void pay_cancel(struct call *call, struct object *intent, const char *reason,
                const char *charge_event)
{
    bool held = intent->status == INTENT_REQUIRES_CAPTURE;
    move(call, intent, INTENT_CANCELED,
         json_pack("{s:i,s:I,s:s?}", "amount_capturable", 0, "canceled_at", (json_int_t)call->now_s,
                   "cancellation_reason", reason));
    if (held) {
        struct object *charge = bank_linked(call->bank, intent, "latest_charge");
        charge->until_s = 0;
        /* What was authorised and released counts as refunded, as at Stripe. */
        bank_set(charge, json_pack("{s:b}", "refunded", 1));
        bank_emit(call, charge_event, charge);
    }
    bank_emit(call, "payment_intent.canceled", intent);
}

bool pay_expire(struct call *call, struct object *intent)
{
    if (intent->status != INTENT_REQUIRES_CAPTURE ||
        call->now_s < bank_linked(call->bank, intent, "latest_charge")->until_s)
        return false;
    pay_cancel(call, intent, "automatic", "charge.expired");
    return true;
}
