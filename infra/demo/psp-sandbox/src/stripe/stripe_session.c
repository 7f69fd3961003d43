/* stripe_session.c: /v1/checkout/sessions: a page for one payment. Its intent is created when the
 * page is first submitted, survives refused cards, and is then captured and refunded like any
 * other; before that, giving up means expiring the session. */
#include "core/fault.h"
#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/list.h"
#include "stripe/wire/object.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPAND = OBJECT_PAYMENT_INTENT | OBJECT_INTENT_CHARGE };

static void answer(struct desk_call *at, const struct session *session, unsigned expand)
{
    object_put_session(at->out, at->bank, session, expand);
    at->answer->intent = session->intent;
    at->answer->status = 200;
}

static void emit(struct desk_call *at, const char *type, const struct session *session)
{
    object_put_session(bank_object(at), at->bank, session, 0);
    bank_emit(at, type, session->intent);
}

/* The session of the path, or NULL after a 404. */
static struct session *of_path(struct desk_call *at)
{
    struct session *session = bank_find_session(at->bank, at->call->id, NULL);
    if (session == NULL)
        stripe_fail_missing(at, "checkout.session", at->call->id, NULL);
    else
        at->answer->intent = session->intent;
    return session;
}

/* ---- what a call may say ---- */

static bool is_one_of(struct span name, const char *const *words)
{
    while (*words != NULL && !span_eq(name, span_of(*words)))
        words++;
    return *words != NULL;
}

/* "line_items[12][quantity]" -> "[quantity]"; "" for any other name. */
static struct span behind_line(struct span name)
{
    static const char root[] = "line_items[";
    if (!span_starts(name, SPAN("line_items[")))
        return SPAN("");
    struct span number, rest = span_cut(span_skip(name, sizeof(root) - 1), ']', &number);
    uint64_t line;
    bool good = rest.ptr != NULL && span_u64(number, SESSION_LINES_MAX - 1, &line);
    return good ? rest : SPAN("");
}

static bool is_known(struct span name)
{
    static const char *const whole[] = {"mode",
                                        "ui_mode",
                                        "success_url",
                                        "cancel_url",
                                        "client_reference_id",
                                        "locale",
                                        "expires_at",
                                        "payment_intent_data[capture_method]",
                                        NULL};
    static const char *const roots[] = {"metadata", "expand", "payment_method_types", NULL};
    static const char *const of_line[] = {"[quantity]", "[price_data][currency]",
                                          "[price_data][unit_amount]",
                                          "[price_data][product_data][name]", NULL};
    struct span root;
    (void)span_cut(name, '[', &root);
    return is_one_of(name, whole) || is_one_of(root, roots) ||
           is_one_of(behind_line(name), of_line) ||
           span_starts(name, SPAN("payment_intent_data[metadata]["));
}

static bool only_known(struct desk_call *at)
{
    for (unsigned i = 0; i < at->form->count; i++) {
        struct span name = at->form->fields[i].name;
        if (is_known(name))
            continue;
        char text[FORM_KEY_MAX + 1];
        (void)span_to_cstr(name, text, sizeof(text)); /* the form bounds names */
        stripe_fail(
            at, &(struct stripe_error){.status = 400, .code = "parameter_unknown", .param = text},
            "Received unknown parameter: %s", text);
        return false;
    }
    return true;
}

struct create {
    unsigned mode, ui_mode, locale, capture_method, currency, expand;
    int64_t amount;
    uint64_t expires_s;
    struct span name, success_url, cancel_url, reference;
};

static const char *const locales[] = {
    "auto", "bg",  "cs", "da",    "de", "el", "en",    "en-GB", "es", "es-419", "et",
    "fi",   "fil", "fr", "fr-CA", "hr", "hu", "id",    "it",    "ja", "ko",     "lt",
    "lv",   "ms",  "mt", "nb",    "nl", "pl", "pt",    "pt-BR", "ro", "ru",     "sk",
    "sl",   "sv",  "th", "tr",    "vi", "zh", "zh-HK", "zh-TW", NULL,
};

static bool read_line(struct desk_call *at, unsigned line, struct create *in)
{
    char name[4][80];
    static const char *const of_line[] = {"[quantity]", "[price_data][currency]",
                                          "[price_data][unit_amount]",
                                          "[price_data][product_data][name]"};
    for (unsigned i = 0; i < 4; i++) {
        snprintf(name[i], sizeof(name[i]), "line_items[%u]%s", line, of_line[i]);
        if (!param_require(at, name[i]))
            return false;
    }
    unsigned currency = in->currency;
    int64_t each = 0;
    uint64_t quantity = 0;
    struct span called = {0};
    if (!param_u64(at, name[0], 1, 999999, &quantity) ||
        !param_word(at, name[1], param_currencies, &currency) ||
        !param_amount(at, name[2], 0, &each) || !param_text(at, name[3], DESCRIPTION_MAX, &called))
        return false;
    if (line > 0 && currency != in->currency) {
        stripe_fail(at, &(struct stripe_error){.status = 400, .param = name[1]},
                    "You cannot combine currencies on a single Checkout Session.");
        return false;
    }
    if (line == 0)
        in->name = called;
    in->currency = currency;
    in->amount += each * (int64_t)quantity; /* a hundred of 10^14 */
    return true;
}

static bool has_line(const struct form *form, unsigned line)
{
    char head[32];
    snprintf(head, sizeof(head), "line_items[%u]", line);
    for (unsigned i = 0; i < form->count; i++) {
        if (span_starts(form->fields[i].name, span_of(head)))
            return true;
    }
    return false;
}

static bool read_lines(struct desk_call *at, struct create *in)
{
    unsigned line = 0;
    do {
        if (!read_line(at, line++, in))
            return false;
    } while (line < SESSION_LINES_MAX && has_line(at->form, line));
    if (in->amount >= 1 && in->amount <= 99999999)
        return true;
    const char *code = in->amount < 1 ? "amount_too_small" : "amount_too_large";
    stripe_fail(at, &(struct stripe_error){.status = 400, .code = code, .param = "line_items"},
                "The Checkout Session's total amount due must be from 1 to 99999999.");
    return false;
}

static bool read_expiry(struct desk_call *at, struct create *in)
{
    in->expires_s = at->now_s + SESSION_MAX_S;
    if (!param_u64(at, "expires_at", 0, INT64_MAX, &in->expires_s))
        return false;
    bool early = in->expires_s < at->now_s + SESSION_MIN_S;
    if (!early && in->expires_s <= at->now_s + SESSION_MAX_S)
        return true;
    stripe_fail(at, &(struct stripe_error){.status = 400, .param = "expires_at"},
                "The `expires_at` timestamp must be %s from Checkout Session creation.",
                early ? "at least 30 minutes" : "less than 24 hours");
    return false;
}

static bool read_create(struct desk_call *at, struct create *in)
{
    static const char *const modes[] = {"payment", NULL};
    static const char *const ui_modes[] = {"hosted_page", NULL};
    in->capture_method = INTENT_AUTOMATIC_ASYNC;
    in->locale = sizeof(locales) / sizeof(locales[0]) - 1; /* NULL */
    return only_known(at) && param_require(at, "mode") &&
           param_word(at, "mode", modes, &in->mode) &&
           param_word(at, "ui_mode", ui_modes, &in->ui_mode) && param_require(at, "success_url") &&
           param_url(at, "success_url", &in->success_url) &&
           param_url(at, "cancel_url", &in->cancel_url) &&
           param_text(at, "client_reference_id", REFERENCE_MAX, &in->reference) &&
           param_word(at, "locale", locales, &in->locale) &&
           param_capture_method(at, "payment_intent_data[capture_method]", &in->capture_method) &&
           param_method_types(at) && param_meta(at, NULL) && read_lines(at, in) &&
           read_expiry(at, in) && param_expand(at, false, EXPAND, &in->expand);
}

/* ---- making one ---- */

/* payment_intent_data[metadata][...]. 0, ERR_NOMEM, or what is wrong with it in a sentence. */
static int keep_intent_meta(struct desk_call *at, struct meta *meta, struct err_slot *err)
{
    static const char head[] = "payment_intent_data[metadata][";
    struct fault faults[FAULT_SPECS_MAX];
    unsigned count;
    for (unsigned i = 0; i < at->form->count; i++) {
        const struct form_field *field = &at->form->fields[i];
        if (!span_starts(field->name, SPAN("payment_intent_data[metadata][")))
            continue;
        struct span key;
        struct span rest = span_cut(span_skip(field->name, sizeof(head) - 1), ']', &key);
        if (rest.len > 0)
            return err_set(err, ERR_SYNTAX, "Metadata values have to be texts.");
        int rc =
            span_eq(key, SPAN(FAULT_META_KEY)) ? fault_parse(field->value, err, faults, &count) : 0;
        if (rc == 0 && field->value.len > 0)
            rc = meta_set(meta, key, field->value, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool keep_text(char **kept, struct span text)
{
    *kept = text.len > 0 ? bank_copy(text) : NULL;
    return text.len == 0 || *kept != NULL;
}

/* NULL: the call has been answered, and nothing has happened. */
static struct session *add_session(struct desk_call *at, const struct create *in)
{
    struct session *session = calloc(1, sizeof(*session));
    struct err_slot err = {0};
    int rc = ERR_NOMEM;
    if (session == NULL)
        goto fail;
    ident_make(session->id, "cs_test_", at->bank->sessions.count, at->rng);
    session->intent = INTENT_NONE;
    session->capture_method = (enum intent_capture)in->capture_method;
    strcpy(session->currency, param_currencies[in->currency]);
    session->amount = in->amount;
    session->created_s = at->now_s;
    session->expires_s = in->expires_s;
    session->locale = locales[in->locale];
    rc = keep_intent_meta(at, &session->intent_meta, &err);
    if (rc < 0)
        goto fail;
    bool kept = keep_text(&session->name, in->name) &&
                keep_text(&session->success_url, in->success_url) &&
                keep_text(&session->cancel_url, in->cancel_url) &&
                keep_text(&session->reference, in->reference) &&
                meta_merge(&session->meta, at->form, NULL) == 0;
    rc = kept ? bank_add(&at->bank->sessions, session, NULL) : ERR_NOMEM;
    if (rc == 0)
        return session;

fail:
    bank_session_free(session);
    if (rc == ERR_RANGE || rc == ERR_SYNTAX || (rc == ERR_FULL && err.text[0] != '\0'))
        stripe_fail(at,
                    &(struct stripe_error){.status = 400, .param = "payment_intent_data[metadata]"},
                    "%s", err.text);
    else
        stripe_fail_status(at, 500);
    return NULL;
}

void stripe_session_create(struct desk_call *at)
{
    struct create in = {0};
    struct session *session = read_create(at, &in) ? add_session(at, &in) : NULL;
    if (session == NULL)
        return;
    at->answer->executed = true;
    answer(at, session, in.expand);
}

/* ---- its life ---- */

bool stripe_session_is_open(const struct session *session, uint64_t now_s)
{
    return session->status == SESSION_OPEN && now_s < session->expires_s;
}

static void refuse_as_over(struct desk_call *at, const struct session *session)
{
    static const char *const statuses[] = {"open", "complete", "expired"};
    stripe_fail(at, &(struct stripe_error){.status = 400},
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout "
                "Session has a status of `%s`.",
                statuses[session->status]);
    at->answer->executed = true; /* a refusal because of the state is stored under the key */
}

static bool copy_meta(const struct meta *from, struct meta *to)
{
    for (unsigned i = 0; i < from->count; i++) {
        if (meta_set(to, span_of(from->pairs[i].key), span_of(from->pairs[i].value), NULL) < 0)
            return false;
    }
    return true;
}

static bool make_intent(struct desk_call *at, struct session *session)
{
    struct bank *bank = at->bank;
    struct intent *intent =
        pay_new_intent(at, session->amount, session->currency, session->capture_method);
    if (intent == NULL)
        return false;
    uint32_t place;
    (void)bank_find_session(bank, span_of(session->id), &place);
    intent->session = place;
    if (!copy_meta(&session->intent_meta, &intent->meta) ||
        bank_add(&bank->intents, intent, NULL) < 0) {
        intent_deinit(intent);
        free(intent);
        return false;
    }
    session->intent = bank->intents.count - 1;
    at->answer->executed = true;
    pay_emit_intent(at, "payment_intent.created", session->intent);
    return true;
}

struct intent *stripe_session_intent(struct desk_call *at, struct session *session, bool make,
                                     uint32_t *place)
{
    bool open = stripe_session_is_open(session, at->now_s);
    if (!open || (session->intent == INTENT_NONE && !make)) {
        stripe_fail(at, &(struct stripe_error){.status = 400},
                    "This Checkout Session cannot be paid.");
        return NULL;
    }
    if (session->intent == INTENT_NONE && !make_intent(at, session)) {
        stripe_fail_status(at, 500);
        return NULL;
    }
    *place = at->answer->intent = session->intent;
    return bank_intent(at->bank, session->intent);
}

void stripe_session_settle(struct desk_call *at, const struct intent *intent)
{
    bool agreed = intent->status == INTENT_REQUIRES_CAPTURE || intent->status == INTENT_SUCCEEDED;
    if (intent->session == SESSION_NONE || !agreed)
        return;
    struct session *session = bank_session(at->bank, intent->session);
    if (session->status != SESSION_OPEN)
        return;
    session->status = SESSION_COMPLETE;
    emit(at, "checkout.session.completed", session);
}

static void expire(struct desk_call *at, struct session *session)
{
    assert(session->status == SESSION_OPEN);
    at->answer->executed = true;
    session->status = SESSION_EXPIRED;
    if (session->intent != INTENT_NONE &&
        intent_may(bank_intent(at->bank, session->intent), INTENT_ACT_CANCEL))
        pay_cancel(at, bank_intent(at->bank, session->intent), session->intent, "expired");
    emit(at, "checkout.session.expired", session);
}

void stripe_session_expire(struct desk_call *at)
{
    static const char *const known[] = {"expand", NULL};
    unsigned expand = 0;
    struct session *session = of_path(at);
    if (session == NULL || !param_only(at, known) || !param_expand(at, false, EXPAND, &expand))
        return;
    if (session->status != SESSION_OPEN) {
        refuse_as_over(at, session);
        return;
    }
    expire(at, session);
    answer(at, session, expand);
}

void stripe_session_run_out(struct desk_call *at)
{
    struct session *session = of_path(at);
    if (session == NULL)
        return;
    if (session->status == SESSION_OPEN && at->now_s >= session->expires_s)
        expire(at, session);
    answer(at, session, 0);
}

static bool is_over(const struct bank *bank, uint32_t place, uint64_t now_s)
{
    const struct session *session = bank_session(bank, place);
    return session->status == SESSION_OPEN && now_s >= session->expires_s;
}

const struct session *stripe_session_next_over(const struct bank *bank, uint32_t *cursor,
                                               uint64_t now_s)
{
    uint32_t place = bank_sweep(bank, &bank->sessions, cursor, now_s, is_over);
    return place != PLACE_NONE ? bank_session(bank, place) : NULL;
}

/* ---- reading ---- */

void stripe_session_get(struct desk_call *at)
{
    static const char *const known[] = {"expand", NULL};
    unsigned expand = 0;
    struct session *session = of_path(at);
    if (session != NULL && param_only(at, known) && param_expand(at, false, EXPAND, &expand))
        answer(at, session, expand);
}

static void put(struct text *out, const struct bank *bank, const void *item, unsigned expand)
{
    object_put_session(out, bank, item, expand);
}

struct filter {
    uint32_t intent; /* INTENT_NONE: of any */
    unsigned status; /* SESSION_EXPIRED + 1: any */
};

static bool matches(const struct bank *bank, const void *item, const void *ctx)
{
    (void)bank;
    const struct session *session = item;
    const struct filter *filter = ctx;
    return (filter->intent == INTENT_NONE || session->intent == filter->intent) &&
           (filter->status > SESSION_EXPIRED || session->status == filter->status);
}

void stripe_session_list(struct desk_call *at)
{
    static const char *const known[] = {LIST_PARAMS, "payment_intent", "status", NULL};
    static const char *const statuses[] = {"open", "complete", "expired", NULL};
    struct filter filter = {INTENT_NONE, SESSION_EXPIRED + 1};
    struct list_kind kind = {.url = "/v1/checkout/sessions",
                             .what = "checkout.session",
                             .items = &at->bank->sessions,
                             .prefix = "cs_test_",
                             .matches = matches,
                             .put = put,
                             .filter = &filter};
    if (!param_only(at, known) || !param_expand(at, true, EXPAND, &kind.expand) ||
        !param_word(at, "status", statuses, &filter.status))
        return;
    if (param_intent(at, &filter.intent))
        list_answer(at, &kind);
}
