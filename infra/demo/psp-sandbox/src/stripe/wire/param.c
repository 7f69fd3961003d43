/* param.c: what is wrong with a parameter is answered with Stripe's own sentence where its
 * documentation shows one. Unknown parameters are refused, as at Stripe: a misspelt one must not be
 * ignored in a test. */
#include "stripe/wire/param.h"

#include "core/must.h"
#include "stripe/wire/stripe_error.h"

#include <ctype.h>

const char *const param_currencies[] = {"krw", "jpy", "usd", "eur", NULL};
const char *const param_capture_methods[] = {"automatic", "automatic_async", "manual", NULL};

static bool refuse(struct desk_call *at, const char *code, const char *name, const char *words)
{
    stripe_fail(at, code, name, "%s: %s", words, name);
    return false;
}

static bool matches(const char *pattern, const char *name)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '#') {
            while (isdigit((unsigned char)*name))
                name++;
        } else if (*pattern == '*') {
            name += strcspn(name, "[]");
        } else if (*pattern != *name++) {
            return false;
        }
    }
    return *name == '\0';
}

static bool is_url(struct span url)
{
    return url.len <= URL_MAX && form_is_plain(url, " \"\\") &&
           (span_starts(url, SPAN("http://")) || span_starts(url, SPAN("https://")));
}

static bool check_number(struct desk_call *at, const struct param *param, const char *name,
                         struct span value)
{
    uint64_t number;
    if (!span_u64(value, UINT64_MAX, &number))
        return refuse(at, "parameter_invalid_integer", name, "Invalid integer");
    if (param->kind == PARAM_AMOUNT && number < param->min)
        return refuse(at, "amount_too_small", name, "Amount is too small");
    if (param->kind == PARAM_AMOUNT && number > AMOUNT_MAX)
        return refuse(at, "amount_too_large", name, "Amount must be no more than 99999999");
    if (param->kind == PARAM_NUMBER && (number < param->min || number > param->max))
        return refuse(at, "parameter_invalid_integer", name, "The integer is out of range");
    return true;
}

static bool check_word(struct desk_call *at, const struct param *param, const char *name,
                       struct span value)
{
    char memory[512];
    struct text list = text_on(memory, sizeof(memory));
    bool either_case = param->words == param_currencies;
    for (unsigned i = 0; param->words[i] != NULL; i++) {
        struct span word = span_of(param->words[i]);
        if (either_case ? span_eq_nocase(value, word) : span_eq(value, word))
            return true;
        text_str(&list, i == 0 ? "" : ", ");
        text_put(&list, word);
    }
    stripe_fail(at, NULL, name, "Invalid %s: must be one of %.*s", name, (int)list.len, list.ptr);
    return false;
}

static bool check_meta(struct desk_call *at, const char *name, struct span value)
{
    struct span key;
    span_cut(span_of(strrchr(name, '[') + 1), ']', &key);
    if (key.len == 0 || key.len > META_KEY_MAX)
        stripe_fail(at, NULL, name, "Metadata keys can have up to %d characters.", META_KEY_MAX);
    else if (value.len > META_VALUE_MAX)
        stripe_fail(at, NULL, name, "Metadata values can have up to %d characters.",
                    META_VALUE_MAX);
    else
        return true;
    return false;
}

static bool may_expand(enum kind kind, struct span path)
{
    struct span head, rest = span_cut(path, '.', &head);
    for (const struct kind_link *link = kinds[kind].links; link->member != NULL; link++) {
        if (span_eq(head, span_of(link->member)))
            return rest.ptr == NULL || may_expand(link->to, rest);
    }
    return false;
}

static bool check_expand(struct desk_call *at, const struct param *param, struct span value)
{
    char shown[100];
    struct span path = value;
    if (param->kind == PARAM_LIST_EXPAND)
        path = span_starts(value, SPAN("data.")) ? span_skip(value, 5) : SPAN("");
    if (may_expand(at->call->kind, path))
        return true;
    span_to_cstr_cut(value, shown, sizeof(shown));
    stripe_fail(at, NULL, "expand", "This property cannot be expanded (%s).", shown);
    return false;
}

static bool check_one(struct desk_call *at, const struct param *param, const char *name,
                      struct span value)
{
    switch (param->kind) {
    case PARAM_TEXT:
        if (param->max == 0 || value.len <= param->max)
            return true;
        return refuse(at, "parameter_invalid_string_too_long", name, "Invalid string, too long");
    case PARAM_EMPTY:
        if (value.len == 0)
            return true;
        return refuse(at, NULL, name, "Invalid object");
    case PARAM_URL:
        if (is_url(value))
            return true;
        return refuse(at, "url_invalid", name, "Not a valid URL");
    case PARAM_NUMBER:
    case PARAM_AMOUNT:
        return check_number(at, param, name, value);
    case PARAM_WORD:
        return check_word(at, param, name, value);
    case PARAM_META:
        return check_meta(at, name, value);
    case PARAM_EXPAND:
    case PARAM_LIST_EXPAND:
        return check_expand(at, param, value);
    }
    return false;
}

bool param_check(struct desk_call *at, const struct param *table)
{
    const char *name;
    json_t *value;
    json_object_foreach(at->call->in, name, value)
    {
        const struct param *param = table;
        while (param->pattern != NULL && !matches(param->pattern, name))
            param++;
        if (param->pattern == NULL)
            return refuse(at, "parameter_unknown", name, "Received unknown parameter");
        if (!check_one(at, param, name, form_get(at->call->in, name)))
            return false;
    }
    for (const struct param *param = table; param->pattern != NULL; param++) {
        if (param->required && form_get(at->call->in, param->pattern).len == 0)
            return refuse(at, "parameter_missing", param->pattern, "Missing required param");
    }
    return true;
}

struct span param_get(const struct desk_call *at, const char *name)
{
    return form_get(at->call->in, name);
}

bool param_given(const struct desk_call *at, const char *name)
{
    return json_object_get(at->call->in, name) != NULL;
}

bool param_is(const struct desk_call *at, const char *name, const char *word)
{
    return span_eq(param_get(at, name), span_of(word));
}

int64_t param_number(const struct desk_call *at, const char *name, int64_t missing)
{
    uint64_t number;
    return span_u64(param_get(at, name), INT64_MAX, &number) ? (int64_t)number : missing;
}

const char *param_text(const struct desk_call *at, const char *name)
{
    struct span value = param_get(at, name);
    return value.len > 0 ? value.ptr : NULL;
}

const char *param_currency(const struct desk_call *at, const char *name)
{
    unsigned i = 0;
    while (!span_eq_nocase(param_get(at, name), span_of(param_currencies[i])))
        i++;
    return param_currencies[i];
}

void param_expand(const struct desk_call *at, struct expand *out)
{
    const char *name;
    json_t *value;
    out->len = 0;
    json_object_foreach(at->call->in, name, value)
    {
        struct span inner, path = span_of(json_string_value(value));
        if (!form_inner(name, "expand", &inner) ||
            out->len == sizeof(out->paths) / sizeof(out->paths[0]))
            continue;
        out->paths[out->len++] = span_starts(path, SPAN("data.")) ? span_skip(path, 5) : path;
    }
}

json_t *param_metadata(struct desk_call *at, const char *root, json_t *now)
{
    const char *name;
    json_t *value;
    bool cleared = json_object_get(at->call->in, root) != NULL;
    json_t *merged = must(now == NULL || cleared ? json_object() : json_copy(now));
    json_object_foreach(at->call->in, name, value)
    {
        struct span key;
        if (!form_inner(name, root, &key))
            continue;
        if (json_string_length(value) == 0)
            json_object_deln(merged, key.ptr, key.len);
        else
            json_object_setn(merged, key.ptr, key.len, value);
    }
    if (json_object_size(merged) <= META_PAIRS_MAX)
        return merged;
    stripe_fail(at, NULL, root, "Metadata can have up to %d keys.", META_PAIRS_MAX);
    json_decref(merged);
    return NULL;
}
