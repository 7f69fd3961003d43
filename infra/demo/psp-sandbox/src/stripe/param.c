/* param.c: a wrong parameter is answered with Stripe's own sentence where its documentation shows
 * one. Unknown parameters are refused, as at Stripe: a test must not ignore a misspelt one. */
#include "must.h"
#include "stripe/stripe_internal.h"

#include <ctype.h>

static const char *const currencies[] = {"krw", "jpy", "usd", "eur", NULL};

static bool matches(struct span pattern, const char *name)
{
    for (; pattern.len > 0; pattern = span_skip(pattern, 1)) {
        if (*pattern.ptr == '#') {
            while (isdigit((unsigned char)*name))
                name++;
        } else if (*pattern.ptr == '*') {
            name += strcspn(name, "[]");
        } else if (*pattern.ptr != *name++) {
            return false;
        }
    }
    return *name == '\0';
}

static bool refuse(struct call *call, const char *code, const char *name, const char *words)
{
    return stripe_fail(call, code, name, "%s: %s", words, name);
}

/* "MIN-MAX", or "MIN" of an amount. */
static bool check_number(struct call *call, const char *name, struct span bounds, bool is_amount)
{
    struct span min_text, max_text = span_cut(bounds, '-', &min_text);
    uint64_t number, min = 0, max = AMOUNT_MAX;
    (void)span_u64(min_text, UINT64_MAX, &min);
    (void)span_u64(max_text, UINT64_MAX, &max);
    if (!span_u64(param_get(call, name), UINT64_MAX, &number))
        return refuse(call, "parameter_invalid_integer", name, "Invalid integer");
    const char *code = !is_amount     ? "parameter_invalid_integer"
                       : number < min ? "amount_too_small"
                                      : "amount_too_large";
    return (number >= min && number <= max) ||
           refuse(call, code, name,
                  number < min ? "The number is too small" : "The number is too large");
}

static bool check_word(struct call *call, const char *name, struct span words)
{
    struct span word, value = param_get(call, name);
    for (struct span rest = words; rest.ptr != NULL;) {
        rest = span_cut(rest, '|', &word);
        if (span_eq(value, word))
            return true;
    }
    return stripe_fail(call, NULL, name, "Invalid %s: must be one of %.*s", name, (int)words.len,
                       words.ptr);
}

static bool check_meta(struct call *call, const char *name, struct span value)
{
    struct span key;
    span_cut(span_of(strrchr(name, '[') + 1), ']', &key);
    if (key.len == 0 || key.len > META_KEY_MAX)
        return stripe_fail(call, NULL, name, "Metadata keys can have up to %d characters.",
                           META_KEY_MAX);
    if (value.len > META_VALUE_MAX)
        return stripe_fail(call, NULL, name, "Metadata values can have up to %d characters.",
                           META_VALUE_MAX);
    return true;
}

static bool may_expand(enum kind kind, struct span path)
{
    struct span head, rest = span_cut(path, '.', &head);
    for (const struct kind_link *link = bank_kinds[kind].links; link->member != NULL; link++) {
        if (span_eq(head, span_of(link->member)))
            return rest.ptr == NULL || may_expand(link->to, rest);
    }
    return false;
}

static bool check_expand(struct call *call, struct span path)
{
    char shown[100];
    if (may_expand(call->op->kind, path))
        return true;
    span_to_cstr_cut(path, shown, sizeof(shown));
    return stripe_fail(call, NULL, "expand", "This property cannot be expanded (%s).", shown);
}

static bool check_one(struct call *call, struct span rule, const char *name)
{
    struct span kind, bounds = span_cut(rule, ':', &kind), value = param_get(call, name);
    bool is_amount = span_eq(kind, SPAN("amount"));
    uint64_t max = UINT64_MAX;
    if (is_amount || span_eq(kind, SPAN("number")))
        return check_number(call, name, bounds, is_amount);
    if (span_eq(kind, SPAN("currency")))
        return param_currency(call, name) != NULL || refuse(call, NULL, name, "Invalid currency");
    if (span_eq(kind, SPAN("meta")))
        return check_meta(call, name, value);
    if (span_eq(kind, SPAN("expand")))
        return check_expand(call, value);
    if (span_eq(kind, SPAN("list_expand")))
        return check_expand(call,
                            span_starts(value, SPAN("data.")) ? span_skip(value, 5) : SPAN("none"));
    if (span_eq(kind, SPAN("url")))
        return (value.len <= URL_MAX && span_is_visible(value) && !span_has_any(value, "\"\\") &&
                (span_starts(value, SPAN("http://")) || span_starts(value, SPAN("https://")))) ||
               refuse(call, "url_invalid", name, "Not a valid URL");
    if (!span_eq(kind, SPAN("text")))
        return check_word(call, name, rule);
    (void)span_u64(bounds, UINT64_MAX, &max);
    return value.len <= max ||
           refuse(call, "parameter_invalid_string_too_long", name, "Invalid string, too long");
}

/* The next row of a table: its name, its rule; NULL: no more rows. */
static const char *next_row(const char *table, struct span *name, struct span *rule, bool *required)
{
    table += strspn(table, " ");
    struct span row = {table, strcspn(table, " ")};
    *rule = span_cut(row, '=', name);
    *required = name->len > 0 && name->ptr[name->len - 1] == '!';
    name->len -= *required;
    return row.len > 0 ? table + row.len : NULL;
}

bool param_check(struct call *call, const char *table)
{
    struct span pattern, rule;
    bool required;
    unsigned pairs = 0;
    const char *name, *row;
    json_t *value;
    json_object_foreach(call->in, name, value)
    {
        row = next_row(table, &pattern, &rule, &required);
        while (row != NULL && !matches(pattern, name))
            row = next_row(row, &pattern, &rule, &required);
        if (row == NULL)
            return refuse(call, "parameter_unknown", name, "Received unknown parameter");
        if (!check_one(call, rule, name))
            return false;
        pairs += span_eq(rule, SPAN("meta"));
    }
    if (pairs > META_PAIRS_MAX)
        return stripe_fail(call, NULL, "metadata", "Metadata can have up to %d keys.",
                           META_PAIRS_MAX);
    for (row = table; (row = next_row(row, &pattern, &rule, &required)) != NULL;) {
        char missing[FORM_KEY_MAX];
        if (required && span_to_cstr(pattern, missing, sizeof(missing)) &&
            param_get(call, missing).len == 0)
            return refuse(call, "parameter_missing", missing, "Missing required param");
    }
    return true;
}

struct span param_get(const struct call *call, const char *name)
{
    return json_in_text_of(call->in, name);
}

bool param_is(const struct call *call, const char *name, const char *word)
{
    return span_eq(param_get(call, name), span_of(word));
}

int64_t param_number(const struct call *call, const char *name, int64_t missing)
{
    uint64_t number;
    return span_u64(param_get(call, name), INT64_MAX, &number) ? (int64_t)number : missing;
}

const char *param_text(const struct call *call, const char *name, const char *missing)
{
    struct span value = param_get(call, name);
    return value.len > 0 ? value.ptr : missing;
}

const char *param_currency(const struct call *call, const char *name)
{
    unsigned i = 0;
    while (currencies[i] != NULL && !span_eq_nocase(param_get(call, name), span_of(currencies[i])))
        i++;
    return currencies[i];
}

json_t *param_metadata(const struct call *call, const char *root)
{
    const char *name;
    json_t *value, *metadata = must(json_object());
    json_object_foreach(call->in, name, value)
    {
        struct span key;
        if (form_inner(name, root, &key) && json_string_length(value) > 0)
            json_object_setn(metadata, key.ptr, key.len, value);
    }
    return metadata;
}

void param_expand(const struct call *call, struct expand *out)
{
    const char *name;
    json_t *value;
    out->len = 0;
    json_object_foreach(call->in, name, value)
    {
        struct span inner, path = span_of(json_string_value(value));
        if (form_inner(name, "expand", &inner) &&
            out->len < sizeof(out->paths) / sizeof(out->paths[0]))
            out->paths[out->len++] = span_starts(path, SPAN("data.")) ? span_skip(path, 5) : path;
    }
}
