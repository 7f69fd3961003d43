/* object.c: one function for each object, which writes its members in a fixed sequence. Members of
 * Stripe's objects that the sandbox has no use for are left out. The caller's bits decide what is
 * expanded; nothing here reads the request. */
#include "stripe/wire/object.h"

#include <assert.h>

static void put_meta(struct text *out, const struct meta *meta)
{
    json_key(out, "metadata");
    json_open(out, '{');
    for (unsigned i = 0; i < meta->count; i++) {
        /* A key is text from outside; json_key() is for literals. */
        json_str(out, span_of(meta->pairs[i].key));
        text_char(out, ':');
        out->comma = false;
        json_str(out, span_of(meta->pairs[i].value));
    }
    json_close(out, '}');
}

/* A string, or null for NULL and for "". */
static void put_optional(struct text *out, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0')
        json_member_cstr(out, key, value);
    else
        json_member_null(out, key);
}

static void put_time(struct text *out, const char *key, uint64_t at_s)
{
    if (at_s != 0)
        json_member_u64(out, key, at_s);
    else
        json_member_null(out, key);
}

void object_put_refusal(struct text *out, const struct card *refusal)
{
    json_member_cstr(out, "code", refusal->code);
    if (refusal->decline != NULL)
        json_member_cstr(out, "decline_code", refusal->decline);
    text_printf(out, ",\"doc_url\":\"https://stripe.com/docs/error-codes/%s\"", refusal->code);
    json_member_cstr(out, "message", refusal->says);
    json_member_cstr(out, "type", "card_error");
}

static void put_last_error(struct text *out, const struct intent *intent)
{
    if (!intent->authentication_failed && intent->refusal == NULL) {
        json_member_null(out, "last_payment_error");
        return;
    }
    json_key(out, "last_payment_error");
    json_open(out, '{');
    if (intent->refusal != NULL) {
        object_put_refusal(out, intent->refusal);
    } else {
        json_member_cstr(out, "code", "payment_intent_authentication_failure");
        json_member_cstr(out, "message",
                         "The provided PaymentMethod has failed authentication. You can provide "
                         "payment_method_data or a new PaymentMethod to attempt to fulfill this "
                         "PaymentIntent again.");
        json_member_cstr(out, "type", "invalid_request_error");
    }
    json_close(out, '}');
}

static void put_next_action(struct text *out, const struct bank *bank, const struct intent *intent)
{
    if (intent->status != INTENT_REQUIRES_ACTION) {
        json_member_null(out, "next_action");
        return;
    }
    char url[URL_MAX];
    struct text at = text_on(url, sizeof(url));
    text_str(&at, bank->conf.public_url);
    TEXT_LIT(&at, "/pay/");
    text_str(&at, intent->secret);
    TEXT_LIT(&at, "/authenticate");
    assert(!at.overflown);
    json_key(out, "next_action");
    json_open(out, '{');
    json_key(out, "redirect_to_url");
    json_open(out, '{');
    put_optional(out, "return_url", intent->return_url);
    json_member_str(out, "url", text_span(&at));
    json_close(out, '}');
    json_member_cstr(out, "type", "redirect_to_url");
    json_close(out, '}');
}

static void put_intent_money(struct text *out, const struct intent *intent)
{
    json_member_i64(out, "amount", intent->amount);
    json_member_i64(out, "amount_capturable", intent->capturable);
    json_member_raw(out, "amount_details", SPAN("{\"tip\":{}}"));
    json_member_i64(out, "amount_received", intent->received);
    put_time(out, "canceled_at", intent->canceled_s);
    put_optional(out, "cancellation_reason", intent->cancellation_reason);
    json_member_cstr(out, "capture_method", intent_capture_name(intent->capture_method));
    json_member_cstr(out, "client_secret", intent->secret);
    json_member_cstr(out, "confirmation_method",
                     intent->confirmation_manual ? "manual" : "automatic");
    json_member_u64(out, "created", intent->created_s);
    json_member_cstr(out, "currency", intent->currency);
}

void object_put_intent(struct text *out, const struct bank *bank, const struct intent *intent,
                       unsigned expand)
{
    json_open(out, '{');
    json_member_cstr(out, "id", intent->id);
    json_member_cstr(out, "object", "payment_intent");
    put_intent_money(out, intent);
    put_optional(out, "description", intent->description);
    put_last_error(out, intent);
    if (intent->charge == INTENT_NONE) {
        json_member_null(out, "latest_charge");
    } else if ((expand & OBJECT_LATEST_CHARGE) != 0) {
        json_key(out, "latest_charge");
        object_put_charge(out, bank, bank_charge(bank, intent->charge), 0);
    } else {
        json_member_cstr(out, "latest_charge", bank_charge(bank, intent->charge)->id);
    }
    json_member_bool(out, "livemode", false);
    put_meta(out, &intent->meta);
    put_next_action(out, bank, intent);
    put_optional(out, "payment_method", intent->payment_method);
    json_member_raw(out, "payment_method_options", SPAN("{}"));
    json_member_raw(out, "payment_method_types", SPAN("[\"card\"]"));
    put_optional(out, "statement_descriptor", intent->descriptor);
    json_member_cstr(out, "status", intent_status_name(intent->status));
    json_close(out, '}');
}

static void put_session_intent(struct text *out, const struct bank *bank,
                               const struct session *session, unsigned expand)
{
    if (session->intent == INTENT_NONE) {
        json_member_null(out, "payment_intent");
        return;
    }
    const struct intent *intent = bank_intent(bank, session->intent);
    if ((expand & OBJECT_PAYMENT_INTENT) == 0) {
        json_member_cstr(out, "payment_intent", intent->id);
        return;
    }
    json_key(out, "payment_intent");
    object_put_intent(out, bank, intent,
                      (expand & OBJECT_INTENT_CHARGE) != 0 ? OBJECT_LATEST_CHARGE : 0);
}

/* Money that is only authorised is not paid, as at Stripe. */
static bool is_paid(const struct bank *bank, const struct session *session)
{
    return session->intent != INTENT_NONE &&
           bank_intent(bank, session->intent)->status == INTENT_SUCCEEDED;
}

static void put_session_url(struct text *out, const struct bank *bank,
                            const struct session *session)
{
    char memory[URL_MAX];
    struct text url = text_on(memory, sizeof(memory));
    if (session->status != SESSION_OPEN) {
        json_member_null(out, "url");
        return;
    }
    text_str(&url, bank->conf.public_url);
    TEXT_LIT(&url, "/pay/");
    text_str(&url, session->id);
    assert(!url.overflown);
    json_member_str(out, "url", text_span(&url));
}

void object_put_session(struct text *out, const struct bank *bank, const struct session *session,
                        unsigned expand)
{
    static const char *const statuses[] = {"open", "complete", "expired"};
    json_open(out, '{');
    json_member_cstr(out, "id", session->id);
    json_member_cstr(out, "object", "checkout.session");
    json_member_i64(out, "amount_subtotal", session->amount);
    json_member_i64(out, "amount_total", session->amount);
    json_member_raw(out, "automatic_tax",
                    SPAN("{\"enabled\":false,\"liability\":null,\"status\":null}"));
    put_optional(out, "cancel_url", session->cancel_url);
    put_optional(out, "client_reference_id", session->reference);
    json_member_null(out, "client_secret");
    json_member_u64(out, "created", session->created_s);
    json_member_cstr(out, "currency", session->currency);
    json_member_u64(out, "expires_at", session->expires_s);
    json_member_bool(out, "livemode", false);
    put_optional(out, "locale", session->locale);
    put_meta(out, &session->meta);
    json_member_cstr(out, "mode", "payment");
    put_session_intent(out, bank, session, expand);
    json_member_raw(out, "payment_method_options", SPAN("{}"));
    json_member_raw(out, "payment_method_types", SPAN("[\"card\"]"));
    json_member_cstr(out, "payment_status", is_paid(bank, session) ? "paid" : "unpaid");
    json_member_cstr(out, "status", statuses[session->status]);
    put_optional(out, "success_url", session->success_url);
    json_member_cstr(out, "ui_mode", "hosted_page");
    put_session_url(out, bank, session);
    json_close(out, '}');
}

static void put_outcome(struct text *out, const struct charge *charge)
{
    json_key(out, "outcome");
    json_open(out, '{');
    const char *refused =
        charge->card->decline != NULL ? charge->card->decline : charge->card->code;
    json_member_cstr(out, "network_status",
                     charge->approved ? "approved_by_network" : "declined_by_network");
    put_optional(out, "reason", charge->approved ? NULL : refused);
    json_member_cstr(out, "risk_level", "normal");
    json_member_cstr(out, "seller_message",
                     charge->approved ? "Payment complete." : "The bank declined the payment.");
    json_member_cstr(out, "type", charge->approved ? "authorized" : "issuer_declined");
    json_close(out, '}');
}

static void put_card_details(struct text *out, const struct charge *charge)
{
    json_key(out, "payment_method_details");
    json_open(out, '{');
    json_key(out, "card");
    json_open(out, '{');
    json_member_cstr(out, "brand", charge->card->brand);
    put_time(out, "capture_before", charge->capture_before_s);
    json_member_cstr(out, "country", "KR");
    json_member_u64(out, "exp_month", 12);
    json_member_u64(out, "exp_year", 2034);
    json_member_cstr(out, "funding", "credit");
    json_member_cstr(out, "last4", card_last4(charge->card));
    json_member_cstr(out, "network", charge->card->brand);
    json_close(out, '}');
    json_member_cstr(out, "type", "card");
    json_close(out, '}');
}

void object_put_charge(struct text *out, const struct bank *bank, const struct charge *charge,
                       unsigned expand)
{
    const struct intent *intent = bank_intent(bank, charge->intent);
    json_open(out, '{');
    json_member_cstr(out, "id", charge->id);
    json_member_cstr(out, "object", "charge");
    json_member_i64(out, "amount", charge->amount);
    json_member_i64(out, "amount_captured", charge->captured_amount);
    json_member_i64(out, "amount_refunded", charge->refunded);
    json_member_bool(out, "captured", charge->captured);
    json_member_u64(out, "created", charge->created_s);
    json_member_cstr(out, "currency", intent->currency);
    put_optional(out, "description", intent->description);
    json_member_bool(out, "disputed", false);
    put_optional(out, "failure_code", charge->approved ? NULL : charge->card->code);
    put_optional(out, "failure_message", charge->approved ? NULL : charge->card->says);
    json_member_bool(out, "livemode", false);
    put_meta(out, &intent->meta);
    put_outcome(out, charge);
    json_member_bool(out, "paid", charge->approved);
    if ((expand & OBJECT_PAYMENT_INTENT) != 0) {
        json_key(out, "payment_intent");
        object_put_intent(out, bank, intent, 0);
    } else {
        json_member_cstr(out, "payment_intent", intent->id);
    }
    json_member_cstr(out, "payment_method", charge->payment_method);
    put_card_details(out, charge);
    /* What was authorised and released counts as refunded, as at Stripe. */
    json_member_bool(out, "refunded",
                     charge->released ||
                         (charge->captured && charge->refunded == charge->captured_amount));
    json_member_cstr(out, "status", charge->approved ? "succeeded" : "failed");
    json_close(out, '}');
}

void object_put_refund(struct text *out, const struct bank *bank, const struct refund *refund,
                       unsigned expand)
{
    const struct charge *charge = bank_charge(bank, refund->charge);
    const struct intent *intent = bank_intent(bank, charge->intent);
    json_open(out, '{');
    json_member_cstr(out, "id", refund->id);
    json_member_cstr(out, "object", "refund");
    json_member_i64(out, "amount", refund->amount);
    if ((expand & OBJECT_CHARGE) != 0) {
        json_key(out, "charge");
        object_put_charge(out, bank, charge, 0);
    } else {
        json_member_cstr(out, "charge", charge->id);
    }
    json_member_u64(out, "created", refund->created_s);
    json_member_cstr(out, "currency", intent->currency);
    put_meta(out, &refund->meta);
    if ((expand & OBJECT_PAYMENT_INTENT) != 0) {
        json_key(out, "payment_intent");
        object_put_intent(out, bank, intent, 0);
    } else {
        json_member_cstr(out, "payment_intent", intent->id);
    }
    put_optional(out, "reason", refund->reason);
    json_member_cstr(out, "status", refund->failed ? "failed" : "succeeded");
    if (refund->failed)
        json_member_cstr(out, "failure_reason", "lost_or_stolen_card");
    json_close(out, '}');
}

void object_put_event(struct text *out, const struct event *event)
{
    json_open(out, '{');
    json_member_cstr(out, "id", event->id);
    json_member_cstr(out, "object", "event");
    json_member_cstr(out, "api_version", BANK_API_VERSION);
    json_member_u64(out, "created", event->created_s);
    json_key(out, "data");
    json_open(out, '{');
    json_member_raw(out, "object", (struct span){event->object, event->object_len});
    json_close(out, '}');
    json_member_bool(out, "livemode", false);
    json_member_u64(out, "pending_webhooks", (unsigned)__builtin_popcount(event->pending));
    json_key(out, "request");
    json_open(out, '{');
    put_optional(out, "id", event->request);
    put_optional(out, "idempotency_key", event->request_key);
    json_close(out, '}');
    json_member_cstr(out, "type", event->type);
    json_close(out, '}');
}

void object_put_endpoint(struct text *out, const struct endpoint *endpoint, bool secret)
{
    json_open(out, '{');
    json_member_cstr(out, "id", endpoint->id);
    json_member_cstr(out, "object", "webhook_endpoint");
    json_member_cstr(out, "api_version", BANK_API_VERSION);
    json_member_u64(out, "created", endpoint->created_s);
    put_optional(out, "description", endpoint->description);
    json_key(out, "enabled_events");
    json_open(out, '[');
    struct span rest = span_of(endpoint->events);
    while (rest.ptr != NULL) {
        struct span type;
        rest = span_cut(rest, ',', &type);
        json_str(out, type);
    }
    json_close(out, ']');
    json_member_bool(out, "livemode", false);
    put_meta(out, &endpoint->meta);
    if (secret)
        json_member_cstr(out, "secret", endpoint->secret);
    json_member_cstr(out, "status", "enabled");
    json_member_cstr(out, "url", endpoint->url);
    json_close(out, '}');
}
