/* base64.c: our own code because a ticket is read on every poll: libsodium's decoder took an eighth
 * of a poll's time, ten times as long as this one, since its running time is independent of the
 * text. That is not needed here: tokens come from their holders, so nothing decoded is secret from
 * the sender. (Version 1.0.18 also accepted bytes from 0x80 on as letters.)
 *
 * Decoding uses a table in which every byte that is not a letter has its highest bit set. All
 * values are or-ed together and checked once, at the end. */
#include "base/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum { NO_LETTER = 0x80 };

#define XX NO_LETTER
static const uint8_t value_of[256] = {
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0x00 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0x10 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, 62, XX, XX, /* - */
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, XX, XX, XX, XX, XX, XX, /* 0 to 9 */
    XX, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, /* A to O */
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, XX, XX, XX, XX, 63, /* P to Z, _ */
    XX, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, /* a to o */
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, XX, XX, XX, XX, XX, /* p to z */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0x80 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0x90 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0xa0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0xb0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0xc0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0xd0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0xe0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, /* 0xf0 */
};
#undef XX

void base64_put(struct text *text, const void *bytes, size_t len)
{
    if (base64_len(len) > text->cap - text->len) {
        text->overflown = true;
        return;
    }
    const uint8_t *from = bytes;
    char *to = text->ptr + text->len;
    for (; len >= 3; len -= 3, from += 3, to += 4) {
        uint32_t three = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        to[0] = letters[three >> 18];
        to[1] = letters[three >> 12 & 0x3F];
        to[2] = letters[three >> 6 & 0x3F];
        to[3] = letters[three & 0x3F];
    }
    if (len > 0) {
        uint8_t second = len == 2 ? from[1] : 0;
        *to++ = letters[from[0] >> 2];
        *to++ = letters[(from[0] & 0x03) << 4 | second >> 4];
        if (len == 2)
            *to++ = letters[(second & 0x0F) << 2];
    }
    text->len = (size_t)(to - text->ptr);
}

/* The last two or three letters. Their unused low bits must be zero. */
static uint8_t decode_rest(const uint8_t *from, size_t letters_len, uint8_t *to)
{
    uint8_t a = value_of[from[0]], b = value_of[from[1]];
    to[0] = (uint8_t)(a << 2 | b >> 4);
    if (letters_len == 2)
        return (b & 0x0F) == 0 ? a | b : NO_LETTER;
    uint8_t c = value_of[from[2]];
    to[1] = (uint8_t)(b << 4 | c >> 2);
    return (c & 0x03) == 0 ? a | b | c : NO_LETTER;
}

bool base64_decode(struct span encoded, void *out, size_t cap, size_t *len)
{
    size_t rest = encoded.len % 4;
    size_t bytes_len = encoded.len / 4 * 3 + (rest > 1 ? rest - 1 : 0);
    if (rest == 1 || bytes_len > cap)
        return false;
    const uint8_t *from = (const uint8_t *)encoded.ptr;
    uint8_t *to = out;
    uint8_t seen = 0;
    for (size_t left = encoded.len; left >= 4; left -= 4, from += 4, to += 3) {
        uint8_t a = value_of[from[0]], b = value_of[from[1]], c = value_of[from[2]],
                d = value_of[from[3]];
        seen |= a | b | c | d;
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    if (rest > 0)
        seen |= decode_rest(from, rest, to);
    *len = bytes_len;
    return (seen & NO_LETTER) == 0;
}

bool base64_decode_exact(struct span encoded, void *out, size_t len)
{
    size_t got; /* must equal len */
    return encoded.len == base64_len(len) && base64_decode(encoded, out, len, &got);
}
