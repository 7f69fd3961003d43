/* member_name.c: half of a SHA-256 over lengths and texts.
 *
 * The lengths go in first, so no other pair of event and member gives the same bytes. Half is
 * enough: the name only has to differ between members of one shop, and every pass carries it. It is
 * a hash rather than a MAC, because two services derive it independently and share no key. */
#include "crypto/member_name.h"

#include "base/base64.h"
#include "base/text.h"

#include <assert.h>
#include <sodium.h>

static void hash_text(crypto_hash_sha256_state *state, struct span text)
{
    uint8_t len[2] = {(uint8_t)(text.len >> 8), (uint8_t)text.len};
    assert(text.len <= UINT16_MAX);
    crypto_hash_sha256_update(state, len, sizeof(len));
    crypto_hash_sha256_update(state, (const uint8_t *)text.ptr, text.len);
}

struct member_name member_name_make(struct span event, struct span member)
{
    enum { BYTES = 16 };
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    hash_text(&state, SPAN("fairgate member"));
    hash_text(&state, event);
    hash_text(&state, member);
    crypto_hash_sha256_final(&state, hash);

    struct member_name name = {.text = ""};
    struct text text = text_on(name.text, MEMBER_NAME_LEN);
    base64_put(&text, hash, BYTES);
    assert(!text.overflown && text.len == MEMBER_NAME_LEN);
    return name;
}
