/* text.h: writes text into memory of a fixed size. An append that does not fit writes nothing and
 * marks the text as overflown, so that a whole document is written without checks and checked once,
 * at its end. The JSON calls place the commas; they do not check the nesting. */
#ifndef FG_BASE_TEXT_H
#define FG_BASE_TEXT_H

#include "base/span.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

struct text {
    char *ptr; /* borrowed; not NUL-terminated */
    size_t len;
    size_t cap;
    bool overflown;
    bool comma; /* JSON: the next member or element needs one before it */
};

static inline struct text text_on(char *memory, size_t cap)
{
    return (struct text){.ptr = memory, .cap = cap};
}

static inline struct span text_span(const struct text *text)
{
    return (struct span){text->ptr, text->len};
}

static inline void text_add(struct text *text, const char *bytes, size_t len)
{
    if (len > text->cap - text->len) {
        text->overflown = true;
        return;
    }
    memcpy(text->ptr + text->len, bytes, len);
    text->len += len;
}

static inline void text_put(struct text *text, struct span bytes)
{
    if (bytes.len > 0)
        text_add(text, bytes.ptr, bytes.len);
}

static inline void text_char(struct text *text, char c)
{
    text_add(text, &c, 1);
}

/* TEXT_LIT(&t, "literal") */
#define TEXT_LIT(text, literal) text_add((text), (literal), sizeof(literal) - 1)

void text_str(struct text *text, const char *cstr);
void text_u64(struct text *text, uint64_t value);
void text_i64(struct text *text, int64_t value);
/* A value in thousandths, with at most three decimals: 2500 -> 2.5 */
void text_milli(struct text *text, int64_t thousandths);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *text, const char *format, va_list args);

void json_open(struct text *text, char bracket);  /* '{' or '[', as an element */
void json_close(struct text *text, char bracket); /* '}' or ']' */
void json_key_span(struct text *text, struct span key);
/* Inline, as are the commonest members: the length of a literal key is known when compiling. */
static inline void json_key(struct text *text, const char *key)
{
    json_key_span(text, span_of(key));
}

/* Elements of an array, or values after json_key(). Bytes that are not UTF-8 become U+FFFD. */
void json_str(struct text *text, struct span value);
void json_u64(struct text *text, uint64_t value);
void json_i64(struct text *text, int64_t value);
void json_milli(struct text *text, int64_t thousandths);
void json_bool(struct text *text, bool value);
void json_nil(struct text *text);                   /* not json_null: jansson has that name */
void json_raw(struct text *text, struct span json); /* already JSON */
/* Members: key and value in one. */
static inline void json_member_str(struct text *text, const char *key, struct span value)
{
    json_key(text, key);
    json_str(text, value);
}

static inline void json_member_cstr(struct text *text, const char *key, const char *value)
{
    json_member_str(text, key, span_of(value));
}

static inline void json_member_u64(struct text *text, const char *key, uint64_t value)
{
    json_key(text, key);
    json_u64(text, value);
}

static inline void json_member_open(struct text *text, const char *key, char bracket)
{
    json_key(text, key);
    json_open(text, bracket);
}

void json_member_some(struct text *text, const char *key, struct span value);    /* if not empty */
void json_member_or_null(struct text *text, const char *key, struct span value); /* "not there" */
void json_member_milli(struct text *text, const char *key, int64_t thousandths);
void json_member_bool(struct text *text, const char *key, bool value);
void json_member_null(struct text *text, const char *key);
void json_member_raw(struct text *text, const char *key, struct span json);

#endif
