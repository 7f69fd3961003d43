/* base64.h: base64url without padding (RFC 4648, section 5), as used by JWTs, key sets and tickets.
 *
 * Decoding is strict: each sequence of bytes has exactly one encoding and any other text is refused
 * (padding, white space, the other alphabet, bits set beyond the last byte). So a token cannot be
 * written in two ways. Neither call allocates. */
#ifndef FG_BASE_BASE64_H
#define FG_BASE_BASE64_H

#include "base/span.h"
#include "base/text.h"

static inline size_t base64_len(size_t bytes_len)
{
    return bytes_len / 3 * 4 + (bytes_len % 3 == 0 ? 0 : bytes_len % 3 + 1);
}

void base64_put(struct text *text, const void *bytes, size_t len);

/* False if the text is not strict base64url or decodes to more than cap bytes; `out` is then
 * undefined. */
bool base64_decode(struct span encoded, void *out, size_t cap, size_t *len);

/* For fields of a fixed size: true only for exactly `len` bytes. */
bool base64_decode_exact(struct span encoded, void *out, size_t len);

#endif
