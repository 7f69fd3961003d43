/* session.c: /v1/checkout/sessions: a page for one payment. Its intent is created when the page is
 * first submitted, survives refused cards, and is then captured and refunded like any other; before
 * that, giving up means expiring the session. */
#include "stripe/session.h"

#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>
#include <stdio.h>

static const char *const statuses[] = {"open", "complete", "expired"};

static const struct param expand_only[] = {
    {"expand[#]", .kind = PARAM_EXPAND},
    {.pattern = NULL},
};

static void end(struct object *session, enum session_status status)
{
    assert(session->status == SESSION_OPEN);
    session->status = status;
    session->until_s = 0;
    object_set_text(session, "status", statuses[status]);
    object_set_null(session, "url");
}

/* ---- making one ---- */

struct lines {
    const char *name; /* of the first */
    const char *currency;
    int64_t amount;
};

static bool read_line(struct desk_call *at, unsigned line, struct lines *lines)
{
    enum { QUANTITY, CURRENCY, UNIT_AMOUNT, NAME, MEMBERS };
    static const char *const members[MEMBERS] = {"[quantity]", "[price_data][currency]",
                                                 "[price_data][unit_amount]",
                                                 "[price_data][product_data][name]"};
    char names[MEMBERS][80];
    for (unsigned i = 0; i < MEMBERS; i++) {
        snprintf(names[i], sizeof(names[i]), "line_items[%u]%s", line, members[i]);
        if (param_get(at, names[i]).len == 0) {
            stripe_fail(at, "parameter_missing", names[i], "Missing required param: %s", names[i]);
            return false;
        }
    }
    const char *currency = param_currency(at, names[CURRENCY]);
    if (line == 0) {
        lines->name = param_text(at, names[NAME]);
        lines->currency = currency;
    } else if (strcmp(currency, lines->currency) != 0) {
        stripe_fail(at, NULL, names[CURRENCY],
                    "You cannot combine currencies on a single Checkout Session.");
        return false;
    }
    /* A hundred of 10^14 */
    lines->amount += param_number(at, names[UNIT_AMOUNT], 0) * param_number(at, names[QUANTITY], 0);
    return true;
}

static bool has_line(const struct desk_call *at, unsigned line)
{
    char head[32];
    const char *name;
    json_t *value;
    snprintf(head, sizeof(head), "line_items[%u]", line);
    json_object_foreach(at->call->in, name, value)
    {
        if (strncmp(name, head, strlen(head)) == 0)
            return true;
    }
    return false;
}

static bool read_lines(struct desk_call *at, struct lines *lines)
{
    unsigned line = 0;
    do {
        if (!read_line(at, line++, lines))
            return false;
    } while (line < SESSION_LINES_MAX && has_line(at, line));
    if (lines->amount >= 1 && lines->amount <= AMOUNT_MAX)
        return true;
    stripe_fail(at, lines->amount < 1 ? "amount_too_small" : "amount_too_large", "line_items",
                "The Checkout Session's total amount due must be from 1 to 99999999.");
    return false;
}

static bool read_expiry(struct desk_call *at, uint64_t *expires_s)
{
    *expires_s = (uint64_t)param_number(at, "expires_at", (int64_t)at->now_s + SESSION_MAX_S);
    bool early = *expires_s < at->now_s + SESSION_MIN_S;
    if (!early && *expires_s <= at->now_s + SESSION_MAX_S)
        return true;
    stripe_fail(at, NULL, "expires_at",
                "The `expires_at` timestamp must be %s from Checkout Session creation.",
                early ? "at least 30 minutes" : "less than 24 hours");
    return false;
}

static bool check_create(struct desk_call *at)
{
    static const char *const modes[] = {"payment", NULL};
    static const char *const ui_modes[] = {"hosted_page", NULL};
    static const char *const types[] = {"card", NULL};
    static const char *const locales[] = {
        "auto", "bg",  "cs", "da",    "de", "el", "en",    "en-GB", "es", "es-419", "et",
        "fi",   "fil", "fr", "fr-CA", "hr", "hu", "id",    "it",    "ja", "ko",     "lt",
        "lv",   "ms",  "mt", "nb",    "nl", "pl", "pt",    "pt-BR", "ro", "ru",     "sk",
        "sl",   "sv",  "th", "tr",    "vi", "zh", "zh-HK", "zh-TW", NULL,
    };
    static const struct param params[] = {
        {"mode", PARAM_WORD, .required = true, .words = modes},
        {"ui_mode", PARAM_WORD, .words = ui_modes},
        {"success_url", PARAM_URL, .required = true},
        {"cancel_url", .kind = PARAM_URL},
        {"client_reference_id", PARAM_TEXT, .max = REFERENCE_MAX},
        {"locale", PARAM_WORD, .words = locales},
        {"expires_at", PARAM_NUMBER, .max = INT64_MAX},
        {"payment_method_types[#]", PARAM_WORD, .words = types},
        {"line_items[#][quantity]", PARAM_NUMBER, .min = 1, .max = 999999},
        {"line_items[#][price_data][currency]", PARAM_WORD, .words = param_currencies},
        {"line_items[#][price_data][unit_amount]", PARAM_AMOUNT, .min = 0},
        {"line_items[#][price_data][product_data][name]", PARAM_TEXT, .max = DESCRIPTION_MAX},
        {"payment_intent_data[capture_method]", PARAM_WORD, .words = param_capture_methods},
        {"payment_intent_data[metadata][*]", .kind = PARAM_META},
        PARAM_METADATA,
        {"expand[#]", .kind = PARAM_EXPAND},
        {.pattern = NULL},
    };
    return param_check(at, params);
}

static json_t *session_json(const struct desk_call *at, const struct lines *lines,
                            uint64_t expires_s, json_t *metadata)
{
    return json_pack(
        "{s:n,s:n,s:I,s:I,s:{s:b,s:n,s:n},s:s?,s:s?,s:n,s:s,s:I,s:s?,s:o,s:s,s:n,s:{},s:[s],s:s,"
        "s:s,s:s,s:s}",
        "id", "object", "amount_subtotal", (json_int_t)lines->amount, "amount_total",
        (json_int_t)lines->amount, "automatic_tax", "enabled", 0, "liability", "status",
        "cancel_url", param_text(at, "cancel_url"), "client_reference_id",
        param_text(at, "client_reference_id"), "client_secret", "currency", lines->currency,
        "expires_at", (json_int_t)expires_s, "locale", param_text(at, "locale"), "metadata",
        metadata, "mode", "payment", "payment_intent", "payment_method_options",
        "payment_method_types", "card", "payment_status", "unpaid", "status",
        statuses[SESSION_OPEN], "success_url", param_text(at, "success_url"), "ui_mode",
        "hosted_page");
}

void stripe_session_create(struct desk_call *at)
{
    struct lines lines = {.amount = 0};
    uint64_t expires_s;
    if (!check_create(at) || !read_lines(at, &lines) || !read_expiry(at, &expires_s))
        return;
    json_t *metadata = param_metadata(at, "metadata", NULL);
    if (metadata == NULL)
        return;
    json_t *intent_metadata = param_metadata(at, "payment_intent_data[metadata]", NULL);
    if (intent_metadata == NULL) {
        json_decref(metadata);
        return;
    }
    struct object *session = bank_make(at, SESSION, session_json(at, &lines, expires_s, metadata));
    const char *capture_method = param_text(at, "payment_intent_data[capture_method]");
    char url[URL_MAX];
    int len = snprintf(url, sizeof(url), "%s/pay/%s", at->bank->conf.public_url, session->id);
    assert(len < URL_MAX);
    session->until_s = expires_s;
    object_set_text(session, "url", url);
    object_hide(session, "name", json_string(lines.name));
    object_hide(session, "metadata", intent_metadata);
    object_hide(session, "capture_method",
                json_string(capture_method != NULL ? capture_method : "automatic_async"));
    at->answer->executed = true;
    pay_answer(at, session);
}

/* ---- its life ---- */

bool session_is_open(const struct object *session, uint64_t now_s)
{
    return session->status == SESSION_OPEN && now_s < session->until_s;
}

struct object *session_intent(struct desk_call *at, struct object *session, bool make)
{
    struct object *intent = bank_linked(at->bank, session, "payment_intent");
    if (!session_is_open(session, at->now_s) || (intent == NULL && !make)) {
        stripe_fail(at, NULL, NULL, "This Checkout Session cannot be paid.");
        return NULL;
    }
    if (intent == NULL) {
        intent =
            pay_create(at,
                       &(struct pay_new){
                           .amount = object_number(session, "amount_total"),
                           .currency = object_text(session, "currency"),
                           .capture_method = object_hidden(session, "capture_method"),
                           .metadata = json_incref(json_object_get(session->hidden, "metadata")),
                       },
                       NULL);
        object_hide(intent, "session", json_string(session->id));
        object_set_text(session, "payment_intent", intent->id);
    }
    return intent;
}

void session_settle(struct desk_call *at, struct object *intent)
{
    bool agreed = intent->status == INTENT_REQUIRES_CAPTURE || intent->status == INTENT_SUCCEEDED;
    struct object *session =
        bank_find(at->bank, SESSION, span_of(object_hidden(intent, "session")));
    if (session == NULL || !agreed || session->status != SESSION_OPEN)
        return;
    end(session, SESSION_COMPLETE);
    bank_emit(at, "checkout.session.completed", session);
}

static void expire(struct desk_call *at, struct object *session)
{
    struct object *intent = bank_linked(at->bank, session, "payment_intent");
    at->answer->executed = true;
    end(session, SESSION_EXPIRED);
    if (intent != NULL && pay_may(intent, INTENT_CANCEL))
        pay_cancel(at, intent, "expired");
    bank_emit(at, "checkout.session.expired", session);
}

void stripe_session_expire(struct desk_call *at)
{
    struct object *session = bank_find(at->bank, SESSION, at->call->id);
    if (session == NULL) {
        stripe_fail_missing(at, "checkout.session", at->call->id, NULL);
        return;
    }
    if (!param_check(at, expand_only))
        return;
    if (session->status != SESSION_OPEN) {
        stripe_fail(at, NULL, NULL,
                    "Only Checkout Sessions with a status in [\"open\"] can be expired. This "
                    "Checkout Session has a status of `%s`.",
                    statuses[session->status]);
        at->answer->executed = true; /* a refusal because of the state is stored under the key */
        return;
    }
    expire(at, session);
    pay_answer(at, session);
}

void stripe_session_end(struct desk_call *at)
{
    struct object *session = bank_find(at->bank, SESSION, at->call->id);
    assert(session != NULL);
    if (session->status == SESSION_OPEN && at->now_s >= session->until_s)
        expire(at, session);
    pay_answer(at, session);
}
