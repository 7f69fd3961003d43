/* chain.c: BLAKE2b of libsodium, about 0.3 us a row. Everything in a row is hashed, numbers with a
 * fixed width and the body's length before the body, so no two rows hash the same bytes. The key of
 * the first link is a constant: the chain detects accidents and careless edits. It does not protect
 * against an attacker who can write to the database and has this program. */
#include "journal/chain.h"

#include <assert.h>
#include <endian.h>
#include <sodium.h>

static const char CHAIN_KEY[] = "fairgate seat journal 1";

struct chain chain_first(struct span event)
{
    struct chain chain;
    int rc = crypto_generichash(chain.bytes, CHAIN_BYTES, (const uint8_t *)event.ptr, event.len,
                                (const uint8_t *)CHAIN_KEY, sizeof(CHAIN_KEY) - 1);
    assert(rc == 0);
    return chain;
}

struct chain chain_next(const struct chain *last, uint64_t seq, uint64_t epoch, uint64_t at_ms,
                        unsigned kind, struct span body)
{
    uint64_t head[5] = {htobe64(seq), htobe64(epoch), htobe64(at_ms), htobe64(kind),
                        htobe64(body.len)};
    crypto_generichash_state state;
    struct chain chain;
    crypto_generichash_init(&state, NULL, 0, CHAIN_BYTES);
    crypto_generichash_update(&state, last->bytes, CHAIN_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)head, sizeof(head));
    if (body.len > 0)
        crypto_generichash_update(&state, (const uint8_t *)body.ptr, body.len);
    crypto_generichash_final(&state, chain.bytes, CHAIN_BYTES);
    return chain;
}
