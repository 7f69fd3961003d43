/* sign.c: Stripe's scheme: the time is part of what is signed, so an old webhook cannot be replayed
 * with a new time. The secret is used as it is shown to the user, its whsec_ included: that is what
 * Stripe's libraries do, and a receiver tested here must not fail there. */
#include "desk/sign.h"

#include <sodium.h>

void sign_put(struct text *header, struct span secret, uint64_t at_s, struct span body)
{
    char digits[24];
    struct text time = text_on(digits, sizeof(digits));
    text_u64(&time, at_s);
    text_char(&time, '.');

    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof(mac) + 1];
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)secret.ptr, secret.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)time.ptr, time.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)body.ptr, body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));

    TEXT_LIT(header, "t=");
    text_u64(header, at_s);
    TEXT_LIT(header, ",v1=");
    text_str(header, hex);
}
