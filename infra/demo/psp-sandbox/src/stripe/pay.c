/* pay.c: one table says which states follow which and which acts a state allows, and one function
 * moves. One attempt makes one charge, refused or not; asking the buyer first makes none yet. After
 * every change the amounts are checked against the state: money that does not add up stops the
 * sandbox at once, rather than a test much later. */
#include "stripe/pay.h"

#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>
#include <stdio.h>

#define BIT(n) (1u << (n))

const char *const intent_statuses[] = {
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
    "succeeded",
    "canceled",
    NULL,
};

static const struct {
    unsigned next, acts;
} states[INTENT_STATUS_COUNT] = {
    [INTENT_REQUIRES_PAYMENT_METHOD] = {BIT(INTENT_REQUIRES_CONFIRMATION) | BIT(INTENT_CANCELED),
                                        BIT(INTENT_CONFIRM) | BIT(INTENT_CANCEL)},
    [INTENT_REQUIRES_CONFIRMATION] = {BIT(INTENT_REQUIRES_CONFIRMATION) |
                                          BIT(INTENT_REQUIRES_ACTION) |
                                          BIT(INTENT_REQUIRES_CAPTURE) | BIT(INTENT_SUCCEEDED) |
                                          BIT(INTENT_REQUIRES_PAYMENT_METHOD) |
                                          BIT(INTENT_CANCELED),
                                      BIT(INTENT_CONFIRM) | BIT(INTENT_CANCEL)},
    [INTENT_REQUIRES_ACTION] = {BIT(INTENT_REQUIRES_CONFIRMATION) | BIT(INTENT_REQUIRES_CAPTURE) |
                                    BIT(INTENT_SUCCEEDED) | BIT(INTENT_REQUIRES_PAYMENT_METHOD) |
                                    BIT(INTENT_CANCELED),
                                BIT(INTENT_CONFIRM) | BIT(INTENT_AUTHENTICATE) |
                                    BIT(INTENT_CANCEL)},
    [INTENT_REQUIRES_CAPTURE] = {BIT(INTENT_SUCCEEDED) | BIT(INTENT_CANCELED),
                                 BIT(INTENT_CAPTURE) | BIT(INTENT_CANCEL)},
    [INTENT_SUCCEEDED] = {0, 0}, /* refunds change amounts, not the state */
    [INTENT_CANCELED] = {0, 0},
};

bool pay_may(const struct object *intent, enum intent_act act)
{
    assert(intent->kind == INTENT);
    return (states[intent->status].acts & BIT(act)) != 0;
}

static void check(const struct bank *bank, const struct object *intent)
{
    int64_t amount = object_number(intent, "amount");
    int64_t capturable = object_number(intent, "amount_capturable");
    int64_t received = object_number(intent, "amount_received");
    int64_t refundable = pay_refundable(bank, intent);
    bool canceled = object_number(intent, "canceled_at") != 0;
    assert(amount > 0);
    assert((capturable > 0) == (intent->status == INTENT_REQUIRES_CAPTURE));
    assert((received > 0) == (intent->status == INTENT_SUCCEEDED));
    assert(capturable <= amount);
    assert(received <= amount);
    assert(refundable >= 0 && refundable <= received);
    assert((intent->card != NULL) == (object_text(intent, "payment_method") != NULL));
    assert(canceled == (intent->status == INTENT_CANCELED));
}

static void move(struct desk_call *at, struct object *intent, enum intent_status to)
{
    assert((states[intent->status].next & BIT(to)) != 0);
    intent->status = to;
    object_set_text(intent, "status", intent_statuses[to]);
    object_set_null(intent, "next_action");
    /* Money that is only authorised is not paid, as at Stripe. */
    struct object *session =
        bank_find(at->bank, SESSION, span_of(object_hidden(intent, "session")));
    if (session != NULL && to == INTENT_SUCCEEDED)
        object_set_text(session, "payment_status", "paid");
    at->answer->executed = true;
}

/* ---- answers ---- */

void pay_answer(struct desk_call *at, const struct object *object)
{
    struct expand expand;
    param_expand(at, &expand);
    bank_put(at->out, at->bank, object, &expand);
    at->answer->status = 200;
}

bool pay_check(struct desk_call *at, const struct object *intent, enum intent_act act)
{
    static const char *const words[] = {
        [INTENT_CONFIRM] = "This PaymentIntent could not be confirmed",
        [INTENT_AUTHENTICATE] = "This PaymentIntent needs no authentication",
        [INTENT_CAPTURE] = "This PaymentIntent could not be captured",
        [INTENT_CANCEL] = "You cannot cancel this PaymentIntent",
    };
    if (pay_may(intent, act))
        return true;
    struct stripe_error error = {
        .status = 400, .code = "payment_intent_unexpected_state", .intent = intent};
    stripe_fail_with(at, &error, "%s because it has a status of %s.", words[act],
                     object_text(intent, "status"));
    at->answer->executed = true;
    return false;
}

/* ---- a new one ---- */

struct object *pay_create(struct desk_call *at, const struct pay_new *new, const struct card *card)
{
    char secret[IDENT_SECRET_MAX];
    json_t *shown = json_pack(
        "{s:n,s:n,s:I,s:i,s:{s:{}},s:i,s:n,s:n,s:s,s:s,s:s,s:s?,s:n,s:n,s:o,s:n,s:n,s:{},s:[s],"
        "s:s?,s:s}",
        "id", "object", "amount", (json_int_t) new->amount, "amount_capturable", 0,
        "amount_details", "tip", "amount_received", 0, "canceled_at", "cancellation_reason",
        "capture_method", new->capture_method, "confirmation_method",
        new->confirmation_method != NULL ? new->confirmation_method : "automatic", "currency",
        new->currency, "description", new->description, "last_payment_error", "latest_charge",
        "metadata", new->metadata, "next_action", "payment_method", "payment_method_options",
        "payment_method_types", "card", "statement_descriptor", new->descriptor, "status",
        intent_statuses[INTENT_REQUIRES_PAYMENT_METHOD]);
    struct object *intent = bank_make(at, INTENT, shown);
    ident_secret(secret, intent->id, at->rng);
    object_set_text(intent, "client_secret", secret);
    at->answer->executed = true;
    if (card != NULL)
        pay_use_card(at, intent, card);
    bank_emit(at, "payment_intent.created", intent);
    check(at->bank, intent);
    return intent;
}

void pay_use_card(struct desk_call *at, struct object *intent, const struct card *card)
{
    assert(pay_may(intent, INTENT_CONFIRM));
    move(at, intent, INTENT_REQUIRES_CONFIRMATION);
    if (card == NULL || card == intent->card)
        return;
    char payment_method[IDENT_MAX];
    ident_random(payment_method, "pm_", at->rng);
    intent->card = card;
    object_set_text(intent, "payment_method", payment_method);
    check(at->bank, intent);
}

/* ---- an attempt ---- */

static json_t *card_details(const struct card *card, uint64_t capture_before_s)
{
    json_t *before =
        capture_before_s != 0 ? json_integer((json_int_t)capture_before_s) : json_null();
    return json_pack("{s:{s:s,s:o,s:s,s:i,s:i,s:s,s:s,s:s},s:s}", "card", "brand", card->brand,
                     "capture_before", before, "country", "KR", "exp_month", 12, "exp_year", 2034,
                     "funding", "credit", "last4", card_last4(card), "network", card->brand, "type",
                     "card");
}

static json_t *outcome(const struct card *card)
{
    bool good = card->code == NULL;
    const char *refused = card->decline != NULL ? card->decline : card->code;
    return json_pack("{s:s,s:s?,s:s,s:s,s:s}", "network_status",
                     good ? "approved_by_network" : "declined_by_network", "reason", refused,
                     "risk_level", "normal", "seller_message",
                     good ? "Payment complete." : "The bank declined the payment.", "type",
                     good ? "authorized" : "issuer_declined");
}

static struct object *add_charge(struct desk_call *at, struct object *intent)
{
    const struct card *card = intent->card;
    bool good = card->code == NULL;
    bool manual = strcmp(object_text(intent, "capture_method"), "manual") == 0;
    bool captured = good && !manual;
    int64_t amount = object_number(intent, "amount");
    uint64_t until_s = good && manual ? at->now_s + at->bank->conf.capture_window_s : 0;
    json_t *shown = json_pack(
        "{s:n,s:n,s:I,s:I,s:i,s:b,s:s,s:O,s:b,s:s?,s:s?,s:O,s:o,s:b,s:s,s:s,s:o,s:b,s:s}", "id",
        "object", "amount", (json_int_t)amount, "amount_captured",
        (json_int_t)(captured ? amount : 0), "amount_refunded", 0, "captured", captured, "currency",
        object_text(intent, "currency"), "description",
        json_object_get(intent->shown, "description"), "disputed", 0, "failure_code", card->code,
        "failure_message", card->says, "metadata", json_object_get(intent->shown, "metadata"),
        "outcome", outcome(card), "paid", good, "payment_intent", intent->id, "payment_method",
        object_text(intent, "payment_method"), "payment_method_details",
        card_details(card, until_s), "refunded", 0, "status", good ? "succeeded" : "failed");
    struct object *charge = bank_make(at, CHARGE, shown);
    charge->card = card;
    charge->until_s = until_s;
    object_set_text(intent, "latest_charge", charge->id);
    return charge;
}

/* Back to requires_payment_method; `error` is last_payment_error. */
static void refuse(struct desk_call *at, struct object *intent, json_t *error)
{
    move(at, intent, INTENT_REQUIRES_PAYMENT_METHOD);
    intent->card = NULL;
    object_set_null(intent, "payment_method");
    object_set(intent, "last_payment_error", error);
    at->bank->counts.declines++;
    check(at->bank, intent);
}

static void charge_card(struct desk_call *at, struct object *intent)
{
    const struct card *card = intent->card;
    struct object *charge = add_charge(at, intent);
    if (card->code != NULL) {
        const struct stripe_error error = {
            .status = 402, .refusal = card, .charge = charge, .intent = intent};
        refuse(at, intent, stripe_refusal(card));
        bank_emit(at, "charge.failed", charge);
        bank_emit(at, "payment_intent.payment_failed", intent);
        stripe_fail_with(at, &error, "%s", card->says);
        return;
    }
    bool manual = charge->until_s != 0;
    move(at, intent, manual ? INTENT_REQUIRES_CAPTURE : INTENT_SUCCEEDED);
    object_set_null(intent, "last_payment_error");
    object_set_number(intent, manual ? "amount_capturable" : "amount_received",
                      object_number(intent, "amount"));
    at->bank->counts.captures += !manual;
    check(at->bank, intent);
    bank_emit(at, "charge.succeeded", charge);
    bank_emit(at, manual ? "payment_intent.amount_capturable_updated" : "payment_intent.succeeded",
              intent);
    pay_answer(at, intent);
}

void pay_confirm(struct desk_call *at, struct object *intent)
{
    assert(intent->status == INTENT_REQUIRES_CONFIRMATION);
    if (!intent->card->asks) {
        charge_card(at, intent);
        return;
    }
    char url[URL_MAX];
    int len = snprintf(url, sizeof(url), "%s/pay/%s/authenticate", at->bank->conf.public_url,
                       object_text(intent, "client_secret"));
    assert(len < URL_MAX);
    move(at, intent, INTENT_REQUIRES_ACTION);
    object_set_null(intent, "last_payment_error");
    object_set(intent, "next_action",
               json_pack("{s:{s:s?,s:s},s:s}", "redirect_to_url", "return_url",
                         object_hidden(intent, "return_url"), "url", url, "type",
                         "redirect_to_url"));
    check(at->bank, intent);
    bank_emit(at, "payment_intent.requires_action", intent);
    pay_answer(at, intent);
}

void pay_authenticate(struct desk_call *at, struct object *intent, bool yes)
{
    assert(pay_may(intent, INTENT_AUTHENTICATE));
    if (yes) {
        charge_card(at, intent);
        return;
    }
    refuse(at, intent,
           json_pack("{s:s,s:s,s:s}", "code", "payment_intent_authentication_failure", "message",
                     "The provided PaymentMethod has failed authentication. You can provide "
                     "payment_method_data or a new PaymentMethod to attempt to fulfill this "
                     "PaymentIntent again.",
                     "type", "invalid_request_error"));
    bank_emit(at, "payment_intent.payment_failed", intent);
    pay_answer(at, intent);
}

/* ---- afterwards ---- */

void pay_capture(struct desk_call *at, struct object *intent, int64_t amount)
{
    struct object *charge = bank_linked(at->bank, intent, "latest_charge");
    assert(amount > 0 && amount <= object_number(intent, "amount_capturable"));
    assert(charge->until_s != 0);
    charge->until_s = 0;
    object_set(charge, "captured", json_true());
    object_set_number(charge, "amount_captured", amount);
    move(at, intent, INTENT_SUCCEEDED);
    object_set_number(intent, "amount_capturable", 0);
    object_set_number(intent, "amount_received", amount);
    at->bank->counts.captures++;
    check(at->bank, intent);
    bank_emit(at, "charge.captured", charge);
    bank_emit(at, "payment_intent.succeeded", intent);
}

static void cancel(struct desk_call *at, struct object *intent, const char *reason,
                   const char *charge_event)
{
    bool held = intent->status == INTENT_REQUIRES_CAPTURE;
    assert(at->now_s > 0);
    move(at, intent, INTENT_CANCELED);
    object_set_number(intent, "amount_capturable", 0);
    object_set_number(intent, "canceled_at", (int64_t)at->now_s);
    if (reason != NULL)
        object_set_text(intent, "cancellation_reason", reason);
    check(at->bank, intent);
    if (held) {
        struct object *charge = bank_linked(at->bank, intent, "latest_charge");
        charge->until_s = 0;
        /* What was authorised and released counts as refunded, as at Stripe. */
        object_set(charge, "refunded", json_true());
        bank_emit(at, charge_event, charge);
    }
    bank_emit(at, "payment_intent.canceled", intent);
}

void pay_cancel(struct desk_call *at, struct object *intent, const char *reason)
{
    cancel(at, intent, reason, "charge.refunded");
}

void pay_expire(struct desk_call *at, struct object *intent)
{
    assert(intent->status == INTENT_REQUIRES_CAPTURE);
    cancel(at, intent, "automatic", "charge.expired");
}

bool pay_has_expired(const struct bank *bank, const struct object *intent, uint64_t now_s)
{
    return intent->status == INTENT_REQUIRES_CAPTURE &&
           now_s >= bank_linked(bank, intent, "latest_charge")->until_s;
}

int64_t pay_refundable(const struct bank *bank, const struct object *intent)
{
    const struct object *charge = bank_linked(bank, intent, "latest_charge");
    int64_t refunded = charge != NULL ? object_number(charge, "amount_refunded") : 0;
    return object_number(intent, "amount_received") - refunded;
}
