/* json_in.c: jansson parses; this file validates the result.
 *
 * Nearly all bodies are written by JSON.stringify(), or by a service of ours: no spaces, whole
 * numbers, ASCII without escapes. A few lines of our own parse those into jansson's values at half
 * the cost; any other text is left to jansson, from its first byte. So nothing is accepted that
 * jansson refuses, and the fuzz target compares the two.
 *
 * Each getter records the member's name, finds the member, checks it, and on failure writes
 * "pointer: rule" into the err_slot, unless an earlier failure is there. So every name that a
 * getter used is allowed, and json_in_end() refuses the rest; there is no second list of names.
 *
 * jansson recurses up to 2,048 levels, so a scan of the brackets comes first and refuses documents
 * that are nested deeper than any of ours. Its hash tables are seeded at random, so that nobody can
 * choose keys that collide.
 *
 * When jansson runs out of memory it may report nothing, blame the current token, or (2.14) drop
 * the byte for which a text could not grow. So it allocates through this file, and if an allocation
 * failed while a thread parsed, its result is discarded. */
#include "base/json_in.h"

#include "base/grow.h"
#include "base/rfc3339.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum { NO_INDEX = -1 };

/* ---- the document ---- */

/* The depth of the brackets; meaningless for invalid JSON, which the parser refuses later. */
static unsigned depth_of(struct span text)
{
    assert(text.ptr != NULL);
    unsigned depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

static json_malloc_t memory = malloc;
static _Thread_local bool refused; /* an allocation failed since this thread began to parse */

static void *allocate(size_t size)
{
    void *got = memory(size);
    if (got == NULL)
        refused = true;
    return got;
}

/* Before main(), so before any thread or document exists. */
__attribute__((constructor)) static void provide(void)
{
    json_set_alloc_funcs(allocate, free);
}

void json_in_allocate(void *(*by)(size_t size))
{
    memory = by;
}

/* ---- plain documents ---- */

static bool plain_take(struct span *rest, struct span what)
{
    if (!span_starts(*rest, what))
        return false;
    *rest = span_skip(*rest, what.len);
    return true;
}

static bool plain_text(struct span *rest, struct span *out)
{
    size_t end = 1;
    if (!span_starts(*rest, SPAN("\"")))
        return false;
    for (; end < rest->len && rest->ptr[end] != '"'; end++)
        if (rest->ptr[end] < ' ' || rest->ptr[end] >= 0x7F || rest->ptr[end] == '\\')
            return false;
    if (end == rest->len)
        return false;
    *out = (struct span){rest->ptr + 1, end - 1};
    *rest = span_skip(*rest, end + 1);
    return true;
}

static json_t *plain_number(struct span *rest)
{
    enum { DIGITS_MAX = 15 };
    json_int_t number = 0;
    size_t len = 0;
    for (; len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9'; len++) {
        if (len == DIGITS_MAX || (len == 1 && number == 0))
            return NULL;
        number = number * 10 + (rest->ptr[len] - '0');
    }
    *rest = span_skip(*rest, len);
    return len > 0 ? json_integer(number) : NULL;
}

static json_t *plain_value(struct span *rest, unsigned depth);

static bool plain_element(struct span *rest, unsigned depth, json_t *array)
{
    return json_array_append_new(array, plain_value(rest, depth)) == 0;
}

static bool plain_member(struct span *rest, unsigned depth, json_t *object)
{
    struct span name;
    return plain_text(rest, &name) && plain_take(rest, SPAN(":")) &&
           json_object_getn(object, name.ptr, name.len) == NULL &&
           json_object_setn_new_nocheck(object, name.ptr, name.len, plain_value(rest, depth)) == 0;
}

static json_t *plain_list(struct span *rest, unsigned depth, json_t *list, struct span end,
                          bool (*take_one)(struct span *rest, unsigned depth, json_t *list))
{
    for (bool first = true; !plain_take(rest, end); first = false) {
        if ((!first && !plain_take(rest, SPAN(","))) || !take_one(rest, depth + 1, list)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* NULL: not plain, or no memory. */
static json_t *plain_value(struct span *rest, unsigned depth)
{
    struct span text;
    if (depth == JSON_IN_DEPTH_MAX)
        return NULL;
    if (plain_text(rest, &text))
        return json_stringn_nocheck(text.ptr, text.len);
    if (plain_take(rest, SPAN("{")))
        return plain_list(rest, depth, json_object(), SPAN("}"), plain_member);
    if (plain_take(rest, SPAN("[")))
        return plain_list(rest, depth, json_array(), SPAN("]"), plain_element);
    if (plain_take(rest, SPAN("true")))
        return json_true();
    return plain_take(rest, SPAN("false")) ? json_false() : plain_number(rest);
}

/* Returns 0, with *out NULL if the text is invalid JSON; or ERR_NOMEM. */
static int load(struct span text, size_t flags, json_error_t *why, json_t **out)
{
    refused = false;
    *out = json_loadb(text.ptr, text.len, flags, why);
    if (!refused && (*out != NULL || why->text[0] != '\0')) /* a syntax error has a message */
        return 0;
    json_decref(*out);
    *out = NULL;
    return ERR_NOMEM;
}

int json_in_parse(struct span text, struct err_slot *err, json_t **out)
{
    if (text.len == 0)
        return err_set(err, ERR_SYNTAX, "there is no JSON: the text is empty");
    struct span rest = text;
    refused = false;
    json_t *doc = plain_value(&rest, 0);
    if (doc != NULL && rest.len == 0 && !refused) {
        *out = doc;
        return 0;
    }
    json_decref(doc);
    if (!refused && depth_of(text) > JSON_IN_DEPTH_MAX)
        return err_set(err, ERR_SYNTAX, "the JSON is nested more than %d deep", JSON_IN_DEPTH_MAX);
    json_error_t why;
    if (refused || load(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why, &doc) < 0)
        return err_set(err, ERR_NOMEM, "no memory to read JSON of %zu bytes", text.len);
    if (doc == NULL)
        return err_set(err, ERR_SYNTAX, "not JSON: line %d, column %d: %s", why.line, why.column,
                       why.text);
    *out = doc;
    return 0;
}

int json_in_read(struct span text, json_t **out)
{
    json_error_t why;
    *out = NULL;
    return text.len > 0 ? load(text, 0, &why, out) : 0;
}

static int put_bytes(const char *bytes, size_t len, void *ctx)
{
    text_add(ctx, bytes, len);
    return 0;
}

void json_in_put(struct text *text, const json_t *doc)
{
    /* 15 digits, so that 0.1 is written as 0.1 again. */
    if (json_dump_callback(doc, put_bytes, text,
                           JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) < 0)
        text->overflown = true;
}

static int grow_bytes(const char *bytes, size_t len, void *ctx)
{
    grow_add(ctx, (struct span){bytes, len});
    return 0; /* jansson may ignore a failure; the text remembers it */
}

char *json_in_text(const json_t *doc, size_t flags)
{
    struct grow text = {0};
    if (doc != NULL && json_dump_callback(doc, grow_bytes, &text, JSON_COMPACT | flags) == 0 &&
        grow_cstr(&text) != NULL)
        return text.ptr;
    grow_free(&text);
    return NULL;
}

/* ---- failures ---- */

static void put_pointer(char out[JSON_IN_POINTER_MAX], const struct json_in *in, const char *key,
                        ptrdiff_t index)
{
    struct text text = text_on(out, JSON_IN_POINTER_MAX - 1);
    text_str(&text, in->pointer);
    if (key != NULL) {
        text_char(&text, '/');
        /* An outside name may contain characters that a JSON pointer escapes (RFC 6901). */
        const char *name = key;
        for (; *name != '\0'; name++) {
            if (*name == '~')
                TEXT_LIT(&text, "~0");
            else if (*name == '/')
                TEXT_LIT(&text, "~1");
            else
                text_char(&text, *name);
        }
    }
    if (index != NO_INDEX) {
        text_char(&text, '/');
        text_u64(&text, (uint64_t)index);
    }
    assert(text.len < JSON_IN_POINTER_MAX);
    out[text.len] = '\0';
}

static __attribute__((format(printf, 4, 0))) int
vrefuse(struct json_in *in, const char *key, ptrdiff_t index, const char *rule, va_list args)
{
    struct json_in *root = in;
    while (root->parent != NULL)
        root = root->parent;
    if (root->rc == 0) {
        char pointer[JSON_IN_POINTER_MAX], sentence[ERR_TEXT_MAX];
        put_pointer(pointer, in, key, index);
        vsnprintf(sentence, sizeof(sentence), rule, args);
        err_set(in->err, ERR_RANGE, "%s: %s", pointer[0] != '\0' ? pointer : "the document",
                sentence);
    }
    for (struct json_in *each = in; each != NULL; each = each->parent)
        each->rc = ERR_RANGE;
    assert(in->rc < 0 && root->rc < 0); /* a caller may check only the whole document */
    return in->rc;
}

static __attribute__((format(printf, 4, 5))) bool refuse(struct json_in *in, const char *key,
                                                         ptrdiff_t index, const char *rule, ...)
{
    va_list args;
    va_start(args, rule);
    vrefuse(in, key, index, rule, args);
    va_end(args);
    return false;
}

int json_in_refuse(struct json_in *in, const char *key, const char *rule, ...)
{
    va_list args;
    va_start(args, rule);
    int rc = vrefuse(in, key, NO_INDEX, rule, args);
    va_end(args);
    return rc;
}

/* ---- an object ---- */

static bool was_asked(const struct json_in *in, const char *key)
{
    for (unsigned i = 0; i < in->asked_len; i++) {
        if (in->asked[i] == key || (in->asked[i][0] == key[0] && strcmp(in->asked[i], key) == 0))
            return true;
    }
    return false;
}

static json_t *ask(struct json_in *in, const char *key)
{
    if (!was_asked(in, key)) {
        assert(in->asked_len < JSON_IN_MEMBERS_MAX);
        in->asked[in->asked_len++] = key;
    }
    return in->object != NULL ? json_object_get(in->object, key) : NULL;
}

void json_in_object(struct json_in *in, json_t *doc, struct err_slot *err)
{
    in->object = json_is_object(doc) ? doc : NULL;
    in->err = err;
    in->rc = 0;
    in->parent = NULL;
    in->pointer[0] = '\0';
    in->asked_len = 0;
    if (in->object == NULL)
        refuse(in, NULL, NO_INDEX, "must be an object");
}

int json_in_end(struct json_in *in)
{
    assert(in->object != NULL || in->rc < 0);
    const char *key;
    json_t *value;
    json_object_foreach(in->object, key, value)
    {
        if (!was_asked(in, key)) {
            char known[160];
            struct text text = text_on(known, sizeof(known) - 1);
            unsigned named = 0;
            assert(!was_asked(in, key));
            for (; named < in->asked_len; named++) {
                size_t before = text.len;
                if (named > 0)
                    TEXT_LIT(&text, ", ");
                text_str(&text, in->asked[named]);
                if (text.overflown) { /* no partial name in the list */
                    text.len = before;
                    break;
                }
            }
            known[text.len] = '\0';
            if (named < in->asked_len)
                refuse(in, key, NO_INDEX, "is not known here; known are %s and %u more", known,
                       in->asked_len - named);
            else
                refuse(in, key, NO_INDEX, "is not known here; known are %s", known);
            break;
        }
    }
    return in->rc;
}

bool json_in_has(struct json_in *in, const char *key)
{
    const json_t *value = ask(in, key);
    return value != NULL && !json_is_null(value);
}

void json_in_require(struct json_in *in, const char *key)
{
    if (ask(in, key) == NULL && in->object != NULL)
        refuse(in, key, NO_INDEX, "is missing");
}

void json_in_allow(struct json_in *in, const char *key)
{
    ask(in, key);
}

/* ---- values, as members and as elements ---- */

static bool take_u64(struct json_in *in, const char *key, ptrdiff_t index, const json_t *value,
                     uint64_t min, uint64_t max, uint64_t *out)
{
    assert(min <= max);
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number < min || (uint64_t)number > max)
        return refuse(in, key, index, "must be a whole number from %" PRIu64 " to %" PRIu64, min,
                      max);
    *out = (uint64_t)number;
    return true;
}

static bool take_str(struct json_in *in, const char *key, ptrdiff_t index, const json_t *value,
                     size_t min, size_t max, struct span *out)
{
    assert(min <= max);
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len < min || len > max)
        return refuse(in, key, index, "must be a text of %zu to %zu bytes", min, max);
    *out = (struct span){json_string_value(value), len};
    return true;
}

static bool take_child(struct json_in *in, const char *key, ptrdiff_t index, json_t *value,
                       struct json_in *child)
{
    if (!json_is_object(value))
        return refuse(in, key, index, "must be an object");
    *child = (struct json_in){.object = value, .err = in->err, .parent = in};
    put_pointer(child->pointer, in, key, index);
    return true;
}

bool json_in_u64(struct json_in *in, const char *key, uint64_t min, uint64_t max, uint64_t *out)
{
    const json_t *value = ask(in, key);
    return value != NULL && take_u64(in, key, NO_INDEX, value, min, max, out);
}

/* A number in thousandths, if it has at most three decimals. A double cannot hold 0.1 exactly, so a
 * deviation of up to a millionth is accepted. */
static bool to_milli(const json_t *value, uint64_t *out)
{
    double scaled = json_number_value(value) * 1000;
    if (!json_is_number(value) || !(scaled >= 0 && scaled < 9e15))
        return false;
    uint64_t rounded = (uint64_t)(scaled + 0.5);
    double off = scaled - (double)rounded;
    if (off < -0.001 || off > 0.001)
        return false;
    *out = rounded;
    return true;
}

bool json_in_milli(struct json_in *in, const char *key, uint64_t min, uint64_t max, uint64_t *out)
{
    const json_t *value = ask(in, key);
    if (value == NULL)
        return false;
    assert(min <= max && max <= INT64_MAX);
    uint64_t milli;
    if (!to_milli(value, &milli) || milli < min || milli > max) {
        char range[64];
        struct text text = text_on(range, sizeof(range));
        text_milli(&text, (int64_t)min);
        TEXT_LIT(&text, " to ");
        text_milli(&text, (int64_t)max);
        return refuse(in, key, NO_INDEX, "must be a number from %.*s, with up to three decimals",
                      (int)text.len, range);
    }
    *out = milli;
    return true;
}

bool json_in_bool(struct json_in *in, const char *key, bool *out)
{
    const json_t *value = ask(in, key);
    if (value == NULL)
        return false;
    if (!json_is_boolean(value))
        return refuse(in, key, NO_INDEX, "must be true or false");
    *out = json_is_true(value);
    return true;
}

bool json_in_str(struct json_in *in, const char *key, size_t min, size_t max, struct span *out)
{
    const json_t *value = ask(in, key);
    return value != NULL && take_str(in, key, NO_INDEX, value, min, max, out);
}

bool json_in_copy(struct json_in *in, const char *key, char *to, size_t cap)
{
    struct span text;
    json_in_require(in, key);
    if (!json_in_str(in, key, 1, cap - 1, &text))
        return false;
    bool whole = span_to_cstr(text, to, cap);
    if (!whole)
        json_in_refuse(in, key, "must be text");
    return whole;
}

bool json_in_chars(struct json_in *in, const char *key, size_t min, size_t max, struct span *out)
{
    const json_t *value = ask(in, key);
    if (value == NULL)
        return false;
    assert(min <= max);
    const struct span text = json_in_words(value);
    const size_t chars = span_chars(text); /* valid UTF-8: jansson has checked */
    if (!json_is_string(value) || chars < min || chars > max)
        return refuse(in, key, NO_INDEX, "must be a text of %zu to %zu characters", min, max);
    *out = text;
    return true;
}

bool json_in_word(struct json_in *in, const char *key, const char *const *words, unsigned *out)
{
    const json_t *value = ask(in, key);
    if (value == NULL)
        return false;
    char allowed[160];
    struct text text = text_on(allowed, sizeof(allowed));
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), words[i]) == 0) {
            *out = i;
            return true;
        }
        if (i > 0)
            TEXT_LIT(&text, ", ");
        text_str(&text, words[i]);
    }
    return refuse(in, key, NO_INDEX, "must be one of %.*s", (int)text.len, allowed);
}

bool json_in_time(struct json_in *in, const char *key, uint64_t *unix_ms)
{
    const json_t *value = ask(in, key);
    if (value == NULL)
        return false;
    struct span text = json_in_words(value);
    if (!json_is_string(value) || !rfc3339_parse(text, unix_ms))
        return refuse(in, key, NO_INDEX, "must be a time such as \"2026-11-20T11:00:00Z\"");
    return true;
}

bool json_in_array(struct json_in *in, const char *key, size_t min, size_t max, json_t **out)
{
    json_t *value = ask(in, key);
    if (value == NULL)
        return false;
    assert(min <= max);
    bool fits =
        json_is_array(value) && json_array_size(value) >= min && json_array_size(value) <= max;
    if (!fits && max == SIZE_MAX) /* no maximum worth reporting */
        return refuse(in, key, NO_INDEX, "must be a list");
    if (!fits)
        return refuse(in, key, NO_INDEX, "must be a list of %zu to %zu elements", min, max);
    *out = value;
    return true;
}

bool json_in_any(struct json_in *in, const char *key, json_t **out)
{
    json_t *value = ask(in, key);
    if (value == NULL)
        return false;
    if (json_is_null(value))
        return refuse(in, key, NO_INDEX, "must not be null");
    *out = value;
    return true;
}

bool json_in_child(struct json_in *in, const char *key, struct json_in *child)
{
    json_t *value = ask(in, key);
    return value != NULL && take_child(in, key, NO_INDEX, value, child);
}

bool json_in_item_child(struct json_in *in, const char *key, const json_t *array, size_t index,
                        struct json_in *child)
{
    return take_child(in, key, (ptrdiff_t)index, json_array_get(array, index), child);
}

bool json_in_item_str(struct json_in *in, const char *key, const json_t *array, size_t index,
                      size_t min, size_t max, struct span *out)
{
    return take_str(in, key, (ptrdiff_t)index, json_array_get(array, index), min, max, out);
}

/* ---- documents of other programs ---- */

struct span json_in_words(const json_t *value)
{
    return (struct span){json_string_value(value), json_string_length(value)};
}

struct span json_in_text_of(const json_t *object, const char *key)
{
    return json_in_words(json_object_get(object, key));
}

uint64_t json_in_count_of(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number > 0 ? (uint64_t)number : 0;
}

bool json_in_copy_of(const json_t *object, const char *key, char *to, size_t cap)
{
    assert(cap > 1);
    struct span text = json_in_text_of(object, key);
    if (!span_to_cstr(text, to, cap))
        to[0] = '\0';
    return to[0] != '\0';
}

/* ---- merge patch ---- */

/* Recurses as deep as the patch, which json_in_parse() bounds. */
static bool apply(json_t *target, const json_t *patch)
{
    assert(json_is_object(target) && json_is_object(patch));
    const char *key;
    json_t *change;
    json_object_foreach((json_t *)patch, key, change)
    {
        if (json_is_null(change)) {
            json_object_del(target, key);
            continue;
        }
        if (!json_is_object(change)) {
            if (json_object_set_new(target, key, json_deep_copy(change)) < 0)
                return false;
            continue;
        }
        json_t *member = json_object_get(target, key);
        if (!json_is_object(member)) {
            member = json_object();
            if (json_object_set_new(target, key, member) < 0)
                return false;
        }
        if (!apply(member, change))
            return false;
    }
    return true;
}

int json_in_merge(const json_t *target, const json_t *patch, struct err_slot *err, json_t **out)
{
    json_t *merged = NULL;
    if (!json_is_object(patch))
        merged = json_deep_copy(patch);
    else
        merged = json_is_object(target) ? json_deep_copy(target) : json_object();
    if (merged == NULL || (json_is_object(patch) && !apply(merged, patch))) {
        json_decref(merged);
        return err_set(err, ERR_NOMEM, "merging a patch into a document");
    }
    *out = merged;
    return 0;
}
