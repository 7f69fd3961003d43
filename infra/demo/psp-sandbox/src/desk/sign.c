/* sign.c: see sign.h. */
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
