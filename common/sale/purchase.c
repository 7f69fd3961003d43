/* purchase.c: one canonical form of what is bought, and its digest.
 *
 * The form is a row of netstrings ("5:r1s12,"), so no text can run into its neighbour and
 * nothing has to be escaped; numbers are written in decimal:
 *
 *     "fairgate-purchase" version event currency
 *     number of lines, then for each, in the order of their places' bytes:
 *         place category price count
 *     fees total terms
 *
 * Its BLAKE2b-256 is the digest. Another form gets another version; a digest says nothing about
 * a purchase of another version. */
#include "sale/purchase.h"

#include "base/base64.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

static_assert(PURCHASE_DIGEST_BYTES == crypto_generichash_BYTES, "libsodium's default");

static void put_text(crypto_generichash_state *state, struct span text)
{
    assert(text.len == 0 || text.ptr != NULL);
    char head[24];
    int len = snprintf(head, sizeof(head), "%zu:", text.len);
    crypto_generichash_update(state, (const uint8_t *)head, (unsigned)len);
    crypto_generichash_update(state, (const uint8_t *)text.ptr, text.len);
    crypto_generichash_update(state, (const uint8_t *)",", 1);
}

static void put_number(crypto_generichash_state *state, uint64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    put_text(state, (struct span){digits, (unsigned)len});
}

static bool comes_before(struct span a, struct span b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order != 0 ? order < 0 : a.len < b.len;
}

void purchase_digest(const struct purchase *purchase, uint8_t out[PURCHASE_DIGEST_BYTES])
{
    const struct purchase_line *sorted[PURCHASE_LINES_MAX];
    assert(purchase->lines_len <= PURCHASE_LINES_MAX);
    assert(purchase->terms.len <= PURCHASE_TERMS_MAX);
    /* They mostly come in order, so each finds its place from behind. */
    for (uint32_t i = 0; i < purchase->lines_len; i++) {
        const struct purchase_line *line = &purchase->lines[i];
        uint32_t at = i;
        assert(line->place.len > 0);
        for (; at > 0 && comes_before(line->place, sorted[at - 1]->place); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = line;
        assert(at == 0 || !comes_before(line->place, sorted[at - 1]->place));
    }

    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, PURCHASE_DIGEST_BYTES);
    put_text(&state, SPAN("fairgate-purchase"));
    put_number(&state, PURCHASE_VERSION);
    put_text(&state, purchase->event);
    put_text(&state, purchase->currency);
    put_number(&state, purchase->lines_len);
    for (uint32_t i = 0; i < purchase->lines_len; i++) {
        put_text(&state, sorted[i]->place);
        put_text(&state, sorted[i]->category);
        put_number(&state, sorted[i]->price);
        put_number(&state, sorted[i]->count);
    }
    put_number(&state, purchase->fees);
    put_number(&state, purchase->total);
    put_text(&state, purchase->terms);
    crypto_generichash_final(&state, out, PURCHASE_DIGEST_BYTES);
}

void purchase_digest_text(const uint8_t digest[PURCHASE_DIGEST_BYTES],
                          char out[PURCHASE_DIGEST_CHARS + 1])
{
    struct text text = text_on(out, PURCHASE_DIGEST_CHARS);
    base64_put(&text, digest, PURCHASE_DIGEST_BYTES);
    assert(text.len == PURCHASE_DIGEST_CHARS);
    out[PURCHASE_DIGEST_CHARS] = '\0';
}

bool purchase_digest_parse(struct span text, uint8_t out[PURCHASE_DIGEST_BYTES])
{
    return base64_decode_exact(text, out, PURCHASE_DIGEST_BYTES) && !purchase_digest_is_none(out);
}

bool purchase_digest_is_none(const uint8_t digest[PURCHASE_DIGEST_BYTES])
{
    return sodium_is_zero(digest, PURCHASE_DIGEST_BYTES) == 1;
}
