/* span.h: bytes owned by somebody else, and the few operations that a parser needs. */
#ifndef FG_BASE_SPAN_H
#define FG_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *ptr; /* borrowed; NULL and len 0 mean "not there" */
    size_t len;
};

/* SPAN("literal"): its length is known at compile time. */
#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline struct span span_of(const char *text)
{
    return (struct span){text, text != NULL ? strlen(text) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Ignores the case of ASCII letters, as header and scheme names require. */
static inline bool span_eq_nocase(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_starts(struct span text, struct span prefix)
{
    return text.len >= prefix.len &&
           (prefix.len == 0 || memcmp(text.ptr, prefix.ptr, prefix.len) == 0);
}

/* Without the first n bytes; n must not exceed the length. */
static inline struct span span_skip(struct span text, size_t n)
{
    return (struct span){text.ptr + n, text.len - n};
}

/* What follows "http://" or "https://". Without either, .ptr is NULL. */
struct span span_after_scheme(struct span url);

/* Without spaces and tabs at both ends. */
struct span span_trim(struct span text);

/* Cuts at the first `mark`: *head is the part before it; returns the part after it. Without a mark
 * *head is all of it and the result is "not there". */
struct span span_cut(struct span text, char mark, struct span *head);

/* Cuts the next part off a list. False: the list is "not there", as it is after its last part. */
static inline bool span_next(struct span *rest, char mark, struct span *part)
{
    if (rest->ptr == NULL)
        return false;
    *rest = span_cut(*rest, mark, part);
    return true;
}

#define SPAN_DIGITS  "0123456789"
#define SPAN_HEX     SPAN_DIGITS "abcdef"
#define SPAN_LOWER   "abcdefghijklmnopqrstuvwxyz"
#define SPAN_UPPER   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SPAN_LETTERS SPAN_LOWER SPAN_UPPER

/* All bytes are in `chars`; are visible ASCII ('!' to '~'); are no ASCII control characters (all
 * true for an empty span). The last: at least one byte is in `chars`. */
bool span_is_of(struct span text, const char *chars);
bool span_is_visible(struct span text);
bool span_is_printable(struct span text);
bool span_has_any(struct span text, const char *chars);

/* Decimal digits only, no sign, no overflow, at most `max`. If false, *out is unchanged. */
bool span_u64(struct span text, uint64_t max, uint64_t *out);

/* Exactly `len` bytes in hex. If false, `out` may be partly written. */
bool span_hex(struct span text, void *out, size_t len);

/* Copies with a closing NUL; false (and nothing written) if it does not fit or holds a NUL. */
bool span_to_cstr(struct span text, char *out, size_t cap);

/* Decodes the first character of a non-empty text. Returns its bytes; 0: it is not UTF-8 (overlong
 * forms, surrogates and values above U+10FFFF are not). */
size_t span_letter(struct span text, uint32_t *letter);

/* The number of characters in valid UTF-8. */
size_t span_chars(struct span text);

/* Copies as much as fits, with a closing NUL, and stops at a NUL in the text. UTF-8 is cut between
 * characters, as a database refuses partial ones. */
void span_to_cstr_cut(struct span text, char *out, size_t cap);

/* Compares in a time that depends only on the lengths: for secrets. */
bool span_eq_secret(struct span a, struct span b);

#endif
