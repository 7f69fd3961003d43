/* presale.c: converts a visitor's input to the store's form.
 *
 * The code is normalised (capitals, no spaces, no hyphens) and hashed, and the event's identity key
 * signs the hash. Two steps, because operators may supply hashes instead of codes; a MAC at the
 * end, because codes are short and a plain hash could be brute-forced. The MAC covers the event's
 * name, so the same code at two events is two entries. */
#include "core/token/presale.h"

#include <assert.h>
#include <sodium.h>

static const struct span purpose = {"presale", sizeof("presale")};

static_assert((int)LINE_CODE_BYTES == (int)MAC_BYTES, "a MAC is what is kept");
static_assert((int)PRESALE_SHA_BYTES == (int)crypto_hash_sha256_BYTES, "SHA-256");

bool presale_digest(struct span code, uint8_t sha[PRESALE_SHA_BYTES])
{
    char plain[PRESALE_CODE_MAX];
    size_t len = 0;
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        if (c == ' ' || c == '-')
            continue;
        if (c < '!' || c > '~' || len == sizeof(plain))
            return false;
        plain[len++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    assert(len <= sizeof(plain));
    if (len < PRESALE_CODE_MIN)
        return false;
    crypto_hash_sha256(sha, (const uint8_t *)plain, len);
    sodium_memzero(plain, sizeof(plain));
    return true;
}

void presale_sign(const struct mac_ring *ring, struct span event,
                  const uint8_t sha[PRESALE_SHA_BYTES], uint8_t out[LINE_CODE_BYTES])
{
    const struct span parts[] = {purpose, {(const char *)sha, PRESALE_SHA_BYTES}, event};
    assert(event.len > 0 && event.len <= LINE_EVENT_ID_MAX);
    assert(ring->len > 0);
    mac_make(ring, parts, 3, out);
}
