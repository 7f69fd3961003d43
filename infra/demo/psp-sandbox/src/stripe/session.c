/* session.c: /v1/checkout/sessions: a page for one payment. Its intent is created when the page is
 * first submitted, survives refused cards, and is then captured and refunded like any other; before
 * that, giving up means expiring the session. */
#include "stripe/stripe_internal.h"

#include <assert.h>
#include <stdio.h>

static const char *const statuses[] = {"open", "complete", "expired"};

static void end(struct object *session, enum session_status status)
{
    assert(session->status == SESSION_OPEN);
    session->status = status;
    session->until_s = 0;
    bank_set(session, json_pack("{s:s,s:n}", "status", statuses[status], "url"));
}

/* ---- making one ---- */

#define LINE       "line_items[0]"
#define LINE_PRICE LINE "[price_data]"

bool stripe_session_create(struct call *call)
{
    static const char params[] =
        "mode!=payment success_url!=url cancel_url=url client_reference_id=text:200 "
        "locale=auto|bg|cs|da|de|el|en|en-GB|es|es-419|et|fi|fil|fr|fr-CA|hr|hu|id|it|ja|ko|lt|lv|"
        "ms|mt|nb|nl|pl|pt|pt-BR|ro|ru|sk|sl|sv|th|tr|vi|zh|zh-HK|zh-TW "
        "expires_at=number:0-9999999999 payment_method_types[#]=card " LINE
        "[quantity]!=number:1-999999 " LINE_PRICE "[currency]!=currency " LINE_PRICE
        "[unit_amount]!=amount:0 " LINE_PRICE "[product_data][name]!=text:1000 "
        "payment_intent_data[capture_method]=automatic|automatic_async|manual "
        "payment_intent_data[metadata][*]=meta metadata[*]=meta expand[#]=expand";
    if (!param_check(call, params))
        return false;
    int64_t now_s = (int64_t)call->now_s; /* at most 10^14 times 10^6: */
    int64_t amount = param_number(call, LINE_PRICE "[unit_amount]", 0) *
                     param_number(call, LINE "[quantity]", 0);
    int64_t expires_s = param_number(call, "expires_at", now_s + SESSION_MAX_S);
    if (amount < 1 || amount > AMOUNT_MAX)
        return stripe_fail(call, amount < 1 ? "amount_too_small" : "amount_too_large", "line_items",
                           "The Checkout Session's total amount due must be from 1 to 99999999.");
    if (expires_s < now_s + SESSION_MIN_S || expires_s > now_s + SESSION_MAX_S)
        return stripe_fail(call, NULL, "expires_at",
                           "The `expires_at` timestamp must be at least 30 minutes and less than "
                           "24 hours from Checkout Session creation.");
    json_t *shown =
        json_pack("{s:n,s:n,s:I,s:I,s:s?,s:s?,s:n,s:s,s:I,s:s?,s:o,s:s,s:n,s:[s],s:s,s:s,s:s}",
                  "id", "object", "amount_subtotal", (json_int_t)amount, "amount_total",
                  (json_int_t)amount, "cancel_url", param_text(call, "cancel_url", NULL),
                  "client_reference_id", param_text(call, "client_reference_id", NULL),
                  "client_secret", "currency", param_currency(call, LINE_PRICE "[currency]"),
                  "expires_at", (json_int_t)expires_s, "locale", param_text(call, "locale", NULL),
                  "metadata", param_metadata(call, "metadata"), "mode", "payment", "payment_intent",
                  "payment_method_types", "card", "payment_status", "unpaid", "status",
                  statuses[SESSION_OPEN], "success_url", param_text(call, "success_url", NULL));
    struct object *session = bank_make(call, SESSION, shown);
    char url[URL_MAX];
    int len =
        snprintf(url, sizeof(url), "%s/pay/%s", call->bank->settings->public_url, session->id);
    assert(len < URL_MAX);
    session->until_s = (uint64_t)expires_s;
    bank_set(session, json_pack("{s:s}", "url", url));
    bank_hide(
        session,
        json_pack("{s:s,s:o,s:s}", "name", param_text(call, LINE_PRICE "[product_data][name]", ""),
                  "metadata", param_metadata(call, "payment_intent_data[metadata]"),
                  "capture_method",
                  param_text(call, "payment_intent_data[capture_method]", "automatic_async")));
    return pay_answer(call, session);
}

/* ---- its life ---- */

bool stripe_is_open(const struct object *session, uint64_t now_s)
{
    return session->status == SESSION_OPEN && now_s < session->until_s;
}

struct object *session_intent(struct call *call, struct object *session, bool make)
{
    struct object *intent = bank_linked(call->bank, session, "payment_intent");
    if (!stripe_is_open(session, call->now_s) || (intent == NULL && !make)) {
        stripe_fail(call, NULL, NULL, "This Checkout Session cannot be paid.");
        return NULL;
    }
    if (intent == NULL) {
        intent = pay_create(call, bank_number(session, "amount_total"),
                            bank_text(session, "currency"), bank_hidden(session, "capture_method"),
                            NULL, json_incref(json_object_get(session->hidden, "metadata")));
        bank_hide(intent, json_pack("{s:s}", "session", session->id));
        bank_set(session, json_pack("{s:s}", "payment_intent", intent->id));
    }
    return intent;
}

void session_settle(struct call *call, struct object *intent)
{
    bool agreed = intent->status == INTENT_REQUIRES_CAPTURE || intent->status == INTENT_SUCCEEDED;
    struct object *session =
        bank_find(call->bank, SESSION, span_of(bank_hidden(intent, "session")));
    if (session == NULL || !agreed || session->status != SESSION_OPEN)
        return;
    end(session, SESSION_COMPLETE);
    bank_emit(call, "checkout.session.completed", session);
}

static void expire(struct call *call, struct object *session)
{
    struct object *intent = bank_linked(call->bank, session, "payment_intent");
    end(session, SESSION_EXPIRED);
    if (intent != NULL && stripe_may(intent, INTENT_CANCEL))
        pay_cancel(call, intent, "expired", "charge.refunded");
    bank_emit(call, "checkout.session.expired", session);
}

bool stripe_session_expire(struct call *call)
{
    struct object *session = bank_find(call->bank, SESSION, call->id);
    if (session == NULL)
        return error_missing(call, "checkout.session", call->id, NULL);
    if (!param_check(call, "expand[#]=expand"))
        return false;
    if (session->status != SESSION_OPEN) {
        stripe_fail(call, NULL, NULL,
                    "Only Checkout Sessions with a status in [\"open\"] can be expired. This "
                    "Checkout Session has a status of `%s`.",
                    statuses[session->status]);
        return true; /* a refusal because of the state is stored under the key */
    }
    expire(call, session);
    return pay_answer(call, session);
}

bool stripe_session_end(struct call *call)
{
    struct object *session = bank_find(call->bank, SESSION, call->id);
    assert(session != NULL);
    bool over = session->status == SESSION_OPEN && call->now_s >= session->until_s;
    if (over)
        expire(call, session);
    pay_answer(call, session);
    return over;
}
