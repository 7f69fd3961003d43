/* stripe_intent.c: /v1/payment_intents. Each call first reads all its parameters, then checks the
 * state, and only then changes anything. */
#include "core/fault.h"
#include "stripe/pay.h"
#include "stripe/stripe.h"
#include "stripe/wire/list.h"
#include "stripe/wire/object.h"
#include "stripe/wire/param.h"
#include "stripe/wire/stripe_error.h"

#include <assert.h>
#include <stdlib.h>

static const char *const confirmation_methods[] = {"automatic", "manual", NULL};
static const char *const cancel_reasons[] = {"duplicate", "fraudulent", "requested_by_customer",
                                             "abandoned", NULL};

/* The intent of the path, or NULL after a 404. */
static struct intent *of_path(struct desk_call *at, uint32_t *place)
{
    struct intent *intent = bank_find_intent(at->bank, at->call->id, place);
    if (intent == NULL)
        stripe_fail_missing(at, "payment_intent", at->call->id, NULL);
    else
        at->answer->intent = *place;
    return intent;
}

/* *card stays NULL if none is given. A pm_... that this intent already has may be named again; any
 * other name must be a test card's. */
static bool read_card(struct desk_call *at, const struct intent *intent, const struct card **card)
{
    struct span token;
    if (!form_get(at->form, "payment_method", &token))
        return true;
    if (intent != NULL && intent->card != NULL && span_eq(token, span_of(intent->payment_method)))
        *card = intent->card;
    else
        *card = card_by_token(token);
    if (*card != NULL)
        return true;
    stripe_fail_missing(at, "PaymentMethod", token, "payment_method");
    return false;
}

/* Faults in the metadata have to be valid: a misspelt one would silently never strike. */
static bool read_meta(struct desk_call *at, const struct meta *now)
{
    if (!param_meta(at, now))
        return false;
    struct span spec;
    if (!form_get(at->form, "metadata[" FAULT_META_KEY "]", &spec) || spec.len == 0)
        return true;
    struct err_slot err;
    struct fault faults[FAULT_SPECS_MAX];
    unsigned count;
    if (fault_parse(spec, &err, faults, &count) == 0)
        return true;
    stripe_fail(at, &(struct stripe_error){.status = 400, .param = "metadata[" FAULT_META_KEY "]"},
                "%s", err.text);
    return false;
}

struct create {
    int64_t amount;
    unsigned currency;
    unsigned capture_method;
    unsigned confirmation_method;
    bool confirm;
    const struct card *card;
    struct span description;
    struct span descriptor;
    struct span return_url;
    unsigned expand;
};

static bool read_create(struct desk_call *at, struct create *in)
{
    static const char *const known[] = {"amount",
                                        "currency",
                                        "capture_method",
                                        "confirmation_method",
                                        "confirm",
                                        "payment_method",
                                        "payment_method_types",
                                        "automatic_payment_methods",
                                        "return_url",
                                        "description",
                                        "statement_descriptor",
                                        "statement_descriptor_suffix",
                                        "metadata",
                                        "expand",
                                        NULL};
    in->capture_method = INTENT_AUTOMATIC_ASYNC; /* what newer API versions say if none is given */
    if (!param_only(at, known) || !param_require(at, "amount") || !param_require(at, "currency") ||
        !param_amount(at, "amount", 1, &in->amount) ||
        !param_word(at, "currency", param_currencies, &in->currency) ||
        !param_capture_method(at, "capture_method", &in->capture_method) ||
        !param_word(at, "confirmation_method", confirmation_methods, &in->confirmation_method) ||
        !param_bool(at, "confirm", &in->confirm) || !read_card(at, NULL, &in->card) ||
        !param_method_types(at) ||
        !param_text(at, "description", DESCRIPTION_MAX, &in->description) ||
        !param_text(at, "statement_descriptor", DESCRIPTOR_MAX, &in->descriptor) ||
        !param_text(at, "statement_descriptor_suffix", DESCRIPTOR_MAX, &in->descriptor) ||
        !param_url(at, "return_url", &in->return_url) || !read_meta(at, NULL) ||
        !param_expand(at, false, OBJECT_LATEST_CHARGE, &in->expand))
        return false;
    if (in->confirm && in->card == NULL)
        stripe_fail(at,
                    &(struct stripe_error){
                        .status = 400, .code = "parameter_missing", .param = "payment_method"},
                    "You cannot confirm this PaymentIntent because it's missing a payment method.");
    else if (!in->confirm && in->return_url.ptr != NULL)
        stripe_fail(at, &(struct stripe_error){.status = 400, .param = "return_url"},
                    "A return_url can only be given together with confirm=true.");
    else
        return true;
    return false;
}

/* A copy where there is something to copy; false without memory. */
static bool keep_text(char **kept, struct span text)
{
    if (text.ptr == NULL)
        return true;
    char *copy = text.len > 0 ? bank_copy(text) : NULL;
    if (text.len > 0 && copy == NULL)
        return false;
    free(*kept);
    *kept = copy;
    return true;
}

/* NULL without memory or room; then nothing has happened. */
static struct intent *add_intent(struct desk_call *at, const struct create *in)
{
    struct bank *bank = at->bank;
    struct intent *intent = pay_new_intent(at, in->amount, param_currencies[in->currency],
                                           (enum intent_capture)in->capture_method);
    if (intent == NULL)
        return NULL;
    intent->confirmation_manual = in->confirmation_method == 1;
    if (!keep_text(&intent->description, in->description) ||
        !keep_text(&intent->descriptor, in->descriptor) ||
        !keep_text(&intent->return_url, in->return_url) ||
        meta_merge(&intent->meta, at->form, NULL) < 0 ||
        bank_add(&bank->intents, intent, NULL) < 0) {
        intent_deinit(intent);
        free(intent);
        return NULL;
    }
    return intent;
}

static void use_card(struct desk_call *at, struct intent *intent, const struct card *card)
{
    char payment_method[IDENT_MAX];
    ident_random(payment_method, "pm_", at->rng);
    intent_use_card(intent, card, payment_method);
}

void stripe_intent_create(struct desk_call *at)
{
    struct create in = {0};
    if (!read_create(at, &in))
        return;
    struct intent *intent = add_intent(at, &in);
    if (intent == NULL) {
        stripe_fail_status(at, 500);
        return;
    }
    uint32_t place = at->bank->intents.count - 1;
    at->answer->intent = place;
    at->answer->executed = true;
    if (in.card != NULL)
        use_card(at, intent, in.card);
    pay_emit_intent(at, "payment_intent.created", place);
    if (in.confirm)
        pay_confirm(at, intent, place, in.expand);
    else
        pay_answer(at, intent, in.expand);
}

void stripe_intent_get(struct desk_call *at)
{
    static const char *const known[] = {"expand", "client_secret", NULL};
    uint32_t place;
    unsigned expand = 0;
    struct intent *intent = of_path(at, &place);
    if (intent != NULL && param_only(at, known) &&
        param_expand(at, false, OBJECT_LATEST_CHARGE, &expand))
        pay_answer(at, intent, expand);
}

/* A session's intent is paid on its page and canceled with it. */
static bool is_of_session(struct desk_call *at, const struct intent *intent, const char *what)
{
    if (intent->session == SESSION_NONE)
        return false;
    stripe_fail(at, &(struct stripe_error){.status = 400},
                "You cannot %s this PaymentIntent because it was created by a Checkout Session.",
                what);
    return true;
}

void stripe_intent_update(struct desk_call *at)
{
    static const char *const known[] = {
        "amount", "currency", "payment_method", "description", "metadata", "expand", NULL};
    uint32_t place;
    struct intent *intent = of_path(at, &place);
    if (intent == NULL)
        return;
    struct create in = {.amount = intent->amount};
    const struct meta *now = &intent->meta;
    if (!param_only(at, known) || !param_amount(at, "amount", 1, &in.amount) ||
        !param_word(at, "currency", param_currencies, &in.currency) ||
        !read_card(at, intent, &in.card) ||
        !param_text(at, "description", DESCRIPTION_MAX, &in.description) || !read_meta(at, now) ||
        !param_expand(at, false, OBJECT_LATEST_CHARGE, &in.expand))
        return;
    bool money =
        form_has_root(at->form, "amount") || form_has_root(at->form, "currency") || in.card != NULL;
    if (money && is_of_session(at, intent, "change"))
        return;
    if (money && !intent_may(intent, INTENT_ACT_UPDATE)) {
        pay_unexpected_state(at, intent, "This PaymentIntent could not be updated");
        return;
    }
    if (!keep_text(&intent->description, in.description) ||
        meta_merge(&intent->meta, at->form, NULL) < 0) {
        stripe_fail_status(at, 500);
        return;
    }
    at->answer->executed = true;
    intent->amount = in.amount;
    if (form_has_root(at->form, "currency"))
        strcpy(intent->currency, param_currencies[in.currency]);
    if (in.card != NULL)
        use_card(at, intent, in.card);
    pay_answer(at, intent, in.expand);
}

/* A card and a return_url go into the intent, then it is confirmed. */
static void confirm_with(struct desk_call *at, struct intent *intent, uint32_t place,
                         const struct create *in)
{
    if (!intent_may(intent, INTENT_ACT_CONFIRM)) {
        pay_unexpected_state(at, intent, "This PaymentIntent could not be confirmed");
        return;
    }
    const struct card *card = in->card != NULL ? in->card : intent->card;
    if (card == NULL) {
        struct stripe_error error = {
            .status = 400, .code = "payment_intent_unexpected_state", .intent = intent};
        stripe_fail(at, &error,
                    "You cannot confirm this PaymentIntent because it's missing a payment method.");
        return;
    }
    if (!keep_text(&intent->return_url, in->return_url)) {
        stripe_fail_status(at, 500);
        return;
    }
    if (card != intent->card) {
        use_card(at, intent, card);
    } else {
        char same[IDENT_MAX];
        strcpy(same, intent->payment_method);
        intent_use_card(intent, card, same);
    }
    pay_confirm(at, intent, place, in->expand);
}

void stripe_intent_confirm(struct desk_call *at)
{
    static const char *const known[] = {"payment_method", "return_url", "expand", NULL};
    uint32_t place;
    struct intent *intent = of_path(at, &place);
    struct create in = {0};
    if (intent != NULL && param_only(at, known) && read_card(at, intent, &in.card) &&
        param_url(at, "return_url", &in.return_url) &&
        param_expand(at, false, OBJECT_LATEST_CHARGE, &in.expand) &&
        !is_of_session(at, intent, "confirm"))
        confirm_with(at, intent, place, &in);
}

void stripe_intent_capture(struct desk_call *at)
{
    static const char *const known[] = {"amount_to_capture", "metadata", "expand", NULL};
    uint32_t place;
    struct intent *intent = of_path(at, &place);
    if (intent == NULL)
        return;
    int64_t amount = intent->capturable;
    unsigned expand = 0;
    if (!param_only(at, known) || !param_amount(at, "amount_to_capture", 1, &amount) ||
        !read_meta(at, &intent->meta) || !param_expand(at, false, OBJECT_LATEST_CHARGE, &expand))
        return;
    if (!intent_may(intent, INTENT_ACT_CAPTURE)) {
        pay_unexpected_state(at, intent, "This PaymentIntent could not be captured");
        return;
    }
    const char *fate = meta_get(&intent->meta, "sandbox_capture");
    bool lost = fate != NULL && span_eq(span_of(fate), SPAN("expired"));
    if (lost || pay_has_expired(at->bank, intent, at->now_s)) {
        pay_expire(at, intent, place);
        stripe_fail(at,
                    &(struct stripe_error){
                        .status = 400, .code = "charge_expired_for_capture", .intent = intent},
                    "This charge can no longer be captured: its authorization has expired.");
        return;
    }
    if (amount > intent->capturable) {
        struct stripe_error error = {
            .status = 400, .code = "amount_too_large", .param = "amount_to_capture"};
        stripe_fail(at, &error,
                    "The amount_to_capture must be less than or equal to amount_capturable.");
        return;
    }
    if (meta_merge(&intent->meta, at->form, NULL) < 0) {
        stripe_fail_status(at, 500);
        return;
    }
    pay_capture(at, intent, place, amount);
    pay_answer(at, intent, expand);
}

void stripe_intent_cancel(struct desk_call *at)
{
    static const char *const known[] = {"cancellation_reason", "expand", NULL};
    uint32_t place;
    struct intent *intent = of_path(at, &place);
    unsigned reason = sizeof(cancel_reasons) / sizeof(cancel_reasons[0]) - 1; /* NULL */
    unsigned expand = 0;
    if (intent == NULL || !param_only(at, known) ||
        !param_word(at, "cancellation_reason", cancel_reasons, &reason) ||
        !param_expand(at, false, OBJECT_LATEST_CHARGE, &expand))
        return;
    if (intent_may(intent, INTENT_ACT_CANCEL) && intent->status != INTENT_REQUIRES_CAPTURE &&
        is_of_session(at, intent, "cancel"))
        return;
    if (!intent_may(intent, INTENT_ACT_CANCEL)) {
        pay_unexpected_state(at, intent, "You cannot cancel this PaymentIntent");
        return;
    }
    pay_cancel(at, intent, place, cancel_reasons[reason]);
    pay_answer(at, intent, expand);
}

/* ---- lists ---- */

static void put(struct text *out, const struct bank *bank, const void *item, unsigned expand)
{
    object_put_intent(out, bank, item, expand);
}

void stripe_intent_list(struct desk_call *at)
{
    static const char *const known[] = {LIST_PARAMS, NULL};
    struct list_kind kind = {.url = "/v1/payment_intents",
                             .what = "payment_intent",
                             .items = &at->bank->intents,
                             .prefix = "pi_",
                             .put = put};
    if (param_only(at, known) && param_expand(at, true, OBJECT_LATEST_CHARGE, &kind.expand))
        list_answer(at, &kind);
}

/* ---- the hosted page and the timer ---- */

/* The intent of a client secret or of a session, or NULL after an answer. */
static struct intent *of_page(struct desk_call *at, bool make, uint32_t *place)
{
    struct session *session = bank_find_session(at->bank, at->call->id, NULL);
    if (session != NULL)
        return stripe_session_intent(at, session, make, place);
    struct intent *intent = bank_find_secret(at->bank, at->call->id, place);
    if (intent == NULL)
        stripe_fail_missing(at, "payment_intent", SPAN(""), NULL);
    else
        at->answer->intent = *place;
    return intent;
}

void stripe_hosted_pay(struct desk_call *at)
{
    uint32_t place;
    struct create in = {0};
    if (!param_require(at, "payment_method") || !read_card(at, NULL, &in.card) ||
        !param_url(at, "return_url", &in.return_url))
        return;
    struct intent *intent = of_page(at, true, &place);
    if (intent == NULL)
        return;
    confirm_with(at, intent, place, &in);
    stripe_session_settle(at, intent);
}

void stripe_hosted_authenticate(struct desk_call *at)
{
    static const char *const decisions[] = {"refuse", "approve", NULL};
    uint32_t place;
    unsigned decision = 0;
    struct intent *intent = of_page(at, false, &place);
    if (intent == NULL || !param_require(at, "decision") ||
        !param_word(at, "decision", decisions, &decision))
        return;
    if (!intent_may(intent, INTENT_ACT_AUTHENTICATE)) {
        pay_unexpected_state(at, intent, "This PaymentIntent needs no authentication");
        return;
    }
    pay_authenticate(at, intent, place, decision == 1);
    stripe_session_settle(at, intent);
}

void stripe_expire(struct desk_call *at)
{
    uint32_t place;
    struct intent *intent = of_path(at, &place);
    if (intent == NULL)
        return;
    if (pay_has_expired(at->bank, intent, at->now_s))
        pay_expire(at, intent, place);
    pay_answer(at, intent, 0);
}

static bool has_expired(const struct bank *bank, uint32_t place, uint64_t now_s)
{
    return pay_has_expired(bank, bank_intent(bank, place), now_s);
}

const struct intent *stripe_next_expired(const struct bank *bank, uint32_t *cursor, uint64_t now_s)
{
    uint32_t place = bank_sweep(bank, &bank->intents, cursor, now_s, has_expired);
    return place != PLACE_NONE ? bank_intent(bank, place) : NULL;
}
