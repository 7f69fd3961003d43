/* form.c: decoding only shrinks text, so each field is decoded into the form's own memory, which
 * has room for the longest body: nothing is allocated, and nothing can be written past the end.
 *
 * Two fields with one name are refused rather than settled by "the last one wins": with two amounts
 * in one body, nobody knows which one the caller meant. */
#include "core/form.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

void form_clear(struct form *form)
{
    form->count = 0;
    form->used = 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The length of the UTF-8 sequence at the start of text, or 0. Overlong forms, surrogates and
 * anything beyond U+10FFFF are invalid. */
static size_t utf8_len(struct span text)
{
    const uint8_t *p = (const uint8_t *)text.ptr;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    size_t len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (text.len < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool outside = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F);
    return overlong || outside ? 0 : len;
}

static bool is_text(struct span text)
{
    while (text.len > 0) {
        size_t len = utf8_len(text);
        if (len == 0 || text.ptr[0] == '\0')
            return false;
        text = span_skip(text, len);
    }
    return true;
}

static int decode(struct form *form, struct span raw, struct err_slot *err, struct span *out)
{
    if (raw.len > sizeof(form->memory) - form->used)
        return err_set(err, ERR_FULL, "form of more than %d bytes", FORM_BYTES_MAX);
    char *start = form->memory + form->used;
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '+')
            c = ' ';
        if (c == '%') {
            int high = i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
            int low = i + 2 < raw.len ? hex_digit(raw.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_set(err, ERR_SYNTAX, "a %% without two hex digits");
            c = (char)(high << 4 | low);
            i += 2;
        }
        start[len++] = c;
    }
    *out = (struct span){start, len};
    if (!is_text(*out))
        return err_set(err, ERR_SYNTAX, "a field that is not UTF-8 text");
    form->used += len;
    return 0;
}

/* name := root ('[' anything but brackets ']')* */
static int split_name(struct form_field *field, struct err_slot *err)
{
    struct span name = field->name;
    size_t at = 0;
    while (at < name.len && name.ptr[at] != '[' && name.ptr[at] != ']')
        at++;
    field->root = (struct span){name.ptr, at};
    field->rest = span_skip(name, at);
    if (at == 0 || name.len > FORM_KEY_MAX)
        return err_set(err, ERR_SYNTAX, "a field name that is empty or too long");

    unsigned depth = 0;
    bool inside = false;
    for (; at < name.len; at++) {
        char c = name.ptr[at];
        if (c == '[' && inside)
            return err_set(err, ERR_SYNTAX, "brackets inside brackets in a field name");
        if (c == ']' && !inside)
            return err_set(err, ERR_SYNTAX, "a closing bracket alone in a field name");
        if (c == '[' && ++depth > FORM_DEPTH_MAX)
            return err_set(err, ERR_SYNTAX, "more than %d brackets in a field name",
                           FORM_DEPTH_MAX);
        if (c != '[' && !inside && c != ']')
            return err_set(err, ERR_SYNTAX, "text after brackets in a field name");
        if (c == '[' || c == ']')
            inside = c == '[';
    }
    if (inside)
        return err_set(err, ERR_SYNTAX, "an open bracket in a field name");
    return 0;
}

/* `expand[]` may be repeated: each is one more element. */
static bool is_append(const struct form_field *field)
{
    return field->rest.len >= 2 && field->rest.ptr[field->rest.len - 2] == '[';
}

static int add_field(struct form *form, struct span raw, struct err_slot *err)
{
    if (form->count == FORM_FIELDS_MAX)
        return err_set(err, ERR_FULL, "form of more than %d fields", FORM_FIELDS_MAX);
    struct form_field field = {0};
    struct span raw_name;
    struct span raw_value = span_cut(raw, '=', &raw_name);
    int rc = decode(form, raw_name, err, &field.name);
    if (rc == 0)
        rc = split_name(&field, err);
    if (rc == 0)
        rc = decode(form, raw_value, err, &field.value);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < form->count && !is_append(&field); i++) {
        if (span_eq(form->fields[i].name, field.name))
            return err_set(err, ERR_EXISTS, "%.*s is given twice", (int)field.name.len,
                           field.name.ptr);
    }
    form->fields[form->count++] = field;
    return 0;
}

int form_parse(struct form *form, struct span raw, struct err_slot *err)
{
    while (raw.ptr != NULL) {
        struct span pair;
        raw = span_cut(raw, '&', &pair);
        if (pair.len == 0)
            continue;
        int rc = add_field(form, pair, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

bool form_get(const struct form *form, const char *name, struct span *value)
{
    struct span wanted = span_of(name);
    for (unsigned i = 0; i < form->count; i++) {
        if (span_eq(form->fields[i].name, wanted)) {
            *value = form->fields[i].value;
            return true;
        }
    }
    return false;
}

bool form_has_root(const struct form *form, const char *root)
{
    struct span wanted = span_of(root);
    for (unsigned i = 0; i < form->count; i++) {
        if (span_eq(form->fields[i].root, wanted))
            return true;
    }
    return false;
}

bool form_next(const struct form *form, const char *root, unsigned *at, struct span *inner,
               struct span *value)
{
    struct span wanted = span_of(root);
    while (*at < form->count) {
        const struct form_field *field = &form->fields[(*at)++];
        struct span rest = field->rest;
        if (rest.len < 2 || !span_eq(field->root, wanted))
            continue;
        assert(rest.ptr[0] == '[');
        struct span within = {rest.ptr + 1, rest.len - 2};
        if (memchr(within.ptr, ']', within.len) != NULL)
            continue; /* [a][b] */
        *inner = within;
        *value = field->value;
        return true;
    }
    return false;
}

const struct form_field *form_stranger(const struct form *form, const char *const *known)
{
    for (unsigned i = 0; i < form->count; i++) {
        bool found = false;
        for (const char *const *name = known; *name != NULL && !found; name++)
            found = span_eq(form->fields[i].root, span_of(*name));
        if (!found)
            return &form->fields[i];
    }
    return NULL;
}

static int compare_bytes(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_fields(const void *a, const void *b)
{
    const struct form_field *left = *(const struct form_field *const *)a;
    const struct form_field *right = *(const struct form_field *const *)b;
    int order = compare_bytes(left->name, right->name);
    return order != 0 ? order : compare_bytes(left->value, right->value);
}

/* Each piece is hashed after its length, so that no two lists of fields hash the same bytes. */
static void digest_piece(crypto_hash_sha256_state *state, struct span piece)
{
    uint64_t len = piece.len;
    crypto_hash_sha256_update(state, (const uint8_t *)&len, sizeof(len));
    if (piece.len > 0)
        crypto_hash_sha256_update(state, (const uint8_t *)piece.ptr, piece.len);
}

void form_digest(const struct form *form, struct span salt, uint8_t out[FORM_DIGEST_BYTES])
{
    static_assert(FORM_DIGEST_BYTES == crypto_hash_sha256_BYTES, "the digest is a SHA-256");
    const struct form_field *order[FORM_FIELDS_MAX];
    for (unsigned i = 0; i < form->count; i++)
        order[i] = &form->fields[i];
    qsort(order, form->count, sizeof(order) / FORM_FIELDS_MAX, compare_fields);

    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    digest_piece(&state, salt);
    for (unsigned i = 0; i < form->count; i++) {
        digest_piece(&state, order[i]->name);
        digest_piece(&state, order[i]->value);
    }
    crypto_hash_sha256_final(&state, out);
}
