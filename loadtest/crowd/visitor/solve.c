/* solve.c: counts up until the hash has enough zero bits.
 *
 * Challenge and number always fit into one block of SHA-256, so each try costs the same, and 2^bits
 * tries are needed on average. Callers run it on the thread pool, as a browser does in a worker, so
 * that it does not delay visitors who only wait. */
#include "visitor/solve.h"

#include "base/text.h"

#include <sodium.h>

static unsigned zero_bits(const unsigned char *hash)
{
    unsigned bits = 0;
    while (bits < 256 && (hash[bits / 8] >> (7 - bits % 8) & 1) == 0)
        bits++;
    return bits;
}

bool solve(struct span challenge, unsigned bits, uint64_t bound, uint64_t *out)
{
    char memory[128];
    unsigned char hash[crypto_hash_sha256_BYTES];
    for (uint64_t n = 0; n < bound; n++) {
        struct text text = text_on(memory, sizeof(memory));
        text_put(&text, challenge);
        text_char(&text, '.');
        text_u64(&text, n);
        if (text.overflown)
            return false;
        crypto_hash_sha256(hash, (const unsigned char *)text.ptr, text.len);
        if (zero_bits(hash) >= bits) {
            *out = n;
            return true;
        }
    }
    return false;
}
