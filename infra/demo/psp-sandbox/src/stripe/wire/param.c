/* param.c: one reader for each kind of parameter. A reader that finds something wrong writes the
 * whole error answer, with Stripe's own sentence where its documentation shows one, so that an op
 * is a list of readers and a return. Unknown parameters are refused, as at Stripe: a misspelt one
 * must not be ignored in a test. */
#include "stripe/wire/param.h"

#include "stripe/wire/object.h"
#include "stripe/wire/stripe_error.h"

static bool refuse(struct desk_call *at, const char *code, const char *name, const char *words)
{
    struct stripe_error error = {.status = 400, .code = code, .param = name};
    stripe_fail(at, &error, "%s: %s", words, name);
    return false;
}

bool param_only(struct desk_call *at, const char *const *known)
{
    const struct form_field *stranger = form_stranger(at->form, known);
    if (stranger == NULL)
        return true;
    char name[FORM_KEY_MAX + 1];
    (void)span_to_cstr(stranger->name, name, sizeof(name)); /* the form bounds names */
    return refuse(at, "parameter_unknown", name, "Received unknown parameter");
}

bool param_require(struct desk_call *at, const char *name)
{
    struct span value;
    if (form_get(at->form, name, &value) && value.len > 0)
        return true;
    return refuse(at, "parameter_missing", name, "Missing required param");
}

bool param_u64(struct desk_call *at, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
    struct span value;
    if (!form_get(at->form, name, &value))
        return true;
    uint64_t number;
    if (!span_u64(value, UINT64_MAX, &number))
        return refuse(at, "parameter_invalid_integer", name, "Invalid integer");
    if (number < min || number > max)
        return refuse(at, "parameter_invalid_integer", name, "The integer is out of range");
    *out = number;
    return true;
}

bool param_amount(struct desk_call *at, const char *name, int64_t min, int64_t *out)
{
    struct span value;
    if (!form_get(at->form, name, &value))
        return true;
    uint64_t number;
    if (value.len > 0 && value.ptr[0] == '-')
        return refuse(at, "parameter_invalid_integer", name,
                      "This value must be greater than or equal to 1");
    if (!span_u64(value, UINT64_MAX, &number))
        return refuse(at, "parameter_invalid_integer", name, "Invalid integer");
    if (number < (uint64_t)min)
        return refuse(at, "amount_too_small", name, "Amount is too small");
    if (number > 99999999)
        return refuse(at, "amount_too_large", name, "Amount must be no more than 99999999");
    *out = (int64_t)number;
    return true;
}

bool param_bool(struct desk_call *at, const char *name, bool *out)
{
    struct span value;
    if (!form_get(at->form, name, &value))
        return true;
    bool yes = span_eq(value, SPAN("true"));
    if (!yes && !span_eq(value, SPAN("false")))
        return refuse(at, "parameter_invalid_boolean", name, "Invalid boolean");
    *out = yes;
    return true;
}

bool param_word(struct desk_call *at, const char *name, const char *const *words, unsigned *out)
{
    struct span value;
    if (!form_get(at->form, name, &value))
        return true;
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (span_eq_nocase(value, span_of(words[i]))) {
            *out = i;
            return true;
        }
    }
    char memory[256];
    struct text list = text_on(memory, sizeof(memory));
    for (unsigned i = 0; words[i] != NULL; i++) {
        text_str(&list, i == 0 ? "" : ", ");
        text_str(&list, words[i]);
    }
    struct stripe_error error = {.status = 400, .param = name};
    stripe_fail(at, &error, "Invalid %s: must be one of %.*s", name, (int)list.len, list.ptr);
    return false;
}

bool param_text(struct desk_call *at, const char *name, size_t max, struct span *out)
{
    struct span value;
    if (!form_get(at->form, name, &value))
        return true;
    if (value.len > max)
        return refuse(at, "parameter_invalid_string_too_long", name, "Invalid string, too long");
    *out = value;
    return true;
}

const char *const param_currencies[] = {"krw", "jpy", "usd", "eur", NULL};

static bool is_url(struct span url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || url.ptr[i] == '"' || url.ptr[i] == '\\')
            return false;
    }
    return span_starts(url, SPAN("http://")) || span_starts(url, SPAN("https://"));
}

bool param_url(struct desk_call *at, const char *name, struct span *out)
{
    if (!param_text(at, name, URL_MAX, out))
        return false;
    if (out->ptr == NULL || is_url(*out))
        return true;
    struct stripe_error error = {.status = 400, .code = "url_invalid", .param = name};
    stripe_fail(at, &error, "Not a valid URL");
    return false;
}

bool param_expand(struct desk_call *at, bool in_list, unsigned allowed, unsigned *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
        {"latest_charge", OBJECT_LATEST_CHARGE},
        {"payment_intent", OBJECT_PAYMENT_INTENT},
        {"charge", OBJECT_CHARGE},
        {"payment_intent.latest_charge", OBJECT_PAYMENT_INTENT | OBJECT_INTENT_CHARGE},
    };
    unsigned place = 0;
    struct span inner;
    struct span value;
    while (form_next(at->form, "expand", &place, &inner, &value)) {
        struct span name = value;
        if (in_list)
            name = span_starts(value, SPAN("data.")) ? span_skip(value, 5) : SPAN("");
        unsigned bit = 0;
        for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            if (span_eq(name, span_of(known[i].name)))
                bit = (known[i].bit & allowed) == known[i].bit ? known[i].bit : 0;
        }
        if (bit == 0) {
            struct stripe_error error = {.status = 400, .param = "expand"};
            stripe_fail(at, &error, "This property cannot be expanded (%.*s).",
                        (int)(value.len < 100 ? value.len : 100), value.ptr);
            return false;
        }
        *out |= bit;
    }
    return true;
}

bool param_meta(struct desk_call *at, const struct meta *now)
{
    struct err_slot err;
    struct span field;
    if (meta_check(at->form, now, &err, &field) == 0)
        return true;
    char name[FORM_KEY_MAX + 1];
    (void)span_to_cstr(field, name, sizeof(name));
    struct stripe_error error = {.status = 400, .param = name};
    stripe_fail(at, &error, "%s", err.text);
    return false;
}

bool param_capture_method(struct desk_call *at, const char *name, unsigned *out)
{
    static const char *const words[] = {"automatic", "automatic_async", "manual", NULL};
    return param_word(at, name, words, out);
}

bool param_method_types(struct desk_call *at)
{
    unsigned place = 0;
    struct span inner, type;
    while (form_next(at->form, "payment_method_types", &place, &inner, &type)) {
        if (span_eq(type, SPAN("card")))
            continue;
        stripe_fail(at, &(struct stripe_error){.status = 400, .param = "payment_method_types"},
                    "The payment method type provided: %.*s is invalid.",
                    (int)(type.len < 100 ? type.len : 100), type.ptr);
        return false;
    }
    return true;
}

bool param_intent(struct desk_call *at, uint32_t *out)
{
    struct span id;
    if (!form_get(at->form, "payment_intent", &id) || bank_find_intent(at->bank, id, out) != NULL)
        return true;
    stripe_fail_missing(at, "payment_intent", id, "payment_intent");
    return false;
}
