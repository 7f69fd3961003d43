/* span.c: cuts and reads bytes without copying them.
 *
 * Parsers are made of these few steps: cut at a mark, trim, read a number, copy to a C string. A
 * span that is "not there" has ptr NULL and length 0, and each function accepts it; so a chain of
 * cuts needs one check, at its end. Numbers are plain digits: no sign, no blanks, no overflow,
 * because a number with two spellings is compared in one and misread in the other. */
#include "base/span.h"

#include <assert.h>
#include <sodium.h>

struct span span_trim(struct span text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = span_skip(text, 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

struct span span_cut(struct span text, char mark, struct span *head)
{
    const char *at = text.len > 0 ? memchr(text.ptr, mark, text.len) : NULL;
    if (at == NULL) {
        *head = text;
        return (struct span){NULL, 0};
    }
    size_t before = (size_t)(at - text.ptr);
    *head = (struct span){text.ptr, before};
    return span_skip(text, before + 1);
}

struct span span_after_scheme(struct span url)
{
    size_t scheme = span_starts(url, SPAN("http://"))    ? 7
                    : span_starts(url, SPAN("https://")) ? 8
                                                         : 0;
    assert(scheme <= url.len);
    return scheme > 0 ? span_skip(url, scheme) : (struct span){NULL, 0};
}

bool span_is_of(struct span text, const char *chars)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] != '\0' && strchr(chars, text.ptr[at]) != NULL)
        at++;
    return at == text.len;
}

bool span_is_visible(struct span text)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] > ' ' && text.ptr[at] <= '~')
        at++;
    return at == text.len;
}

bool span_is_printable(struct span text)
{
    size_t at = 0;
    while (at < text.len && (unsigned char)text.ptr[at] >= ' ' && text.ptr[at] != 0x7F)
        at++;
    return at == text.len;
}

bool span_has_any(struct span text, const char *chars)
{
    size_t at = 0;
    while (at < text.len && (text.ptr[at] == '\0' || strchr(chars, text.ptr[at]) == NULL))
        at++;
    return at < text.len;
}

bool span_u64(struct span text, uint64_t max, uint64_t *out)
{
    if (text.len == 0 || text.len > 20)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}

bool span_hex(struct span text, void *out, size_t len)
{
    return text.len == 2 * len &&
           sodium_hex2bin(out, len, text.ptr, text.len, NULL, NULL, NULL) == 0;
}

bool span_to_cstr(struct span text, char *out, size_t cap)
{
    if (text.len >= cap || (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL))
        return false;
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

size_t span_letter(struct span text, uint32_t *letter)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)text.ptr;
    assert(text.len > 0);
    if (at[0] < 0x80) {
        *letter = at[0];
        return 1;
    }
    size_t len = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || len > text.len)
        return 0;
    uint32_t value = at[0] & (0x7FU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3FU);
    }
    if (value < least[len] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *letter = value;
    return len;
}

size_t span_chars(struct span text)
{
    size_t chars = 0;
    for (size_t i = 0; i < text.len; i++) /* every byte that begins a character */
        chars += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return chars;
}

void span_to_cstr_cut(struct span text, char *out, size_t cap)
{
    size_t len = text.len > 0 ? strnlen(text.ptr, text.len) : 0;
    if (len > cap - 1) {
        len = cap - 1;
        while (len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
            len--;
    }
    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

bool span_eq_secret(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    unsigned char diff = 0;
    for (size_t i = 0; i < a.len; i++)
        diff |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return diff == 0;
}
