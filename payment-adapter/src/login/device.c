/* device.c: the cookie is a random number and a MAC over it and the account; it is stored nowhere.
 * The throttle's hashes use the same key: when it changes, all browsers are unknown again, so the
 * ordinary throttle applies. A browser is known for one account, the last. */
#include "login/device.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define COOKIE_NAME "fg_device"

enum {
    MAC_LEN = 16,
    COOKIE_BYTES = DEVICE_BYTES + MAC_LEN,
    AGE_S = 180 * 86400,
    B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

static void make_mac(const uint8_t key[32], const uint8_t device[DEVICE_BYTES], struct span account,
                     uint8_t mac[MAC_LEN])
{
    static const char purpose[] = "fairgate device";
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, 32, MAC_LEN);
    crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof(purpose));
    crypto_generichash_update(&state, device, DEVICE_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)account.ptr, account.len);
    crypto_generichash_final(&state, mac, MAC_LEN);
}

bool device_known(const uint8_t key[32], const struct http_req *req, struct span account,
                  uint8_t device[DEVICE_BYTES])
{
    struct span cookie = http_req_cookie(req, SPAN(COOKIE_NAME));
    uint8_t bytes[COOKIE_BYTES], mac[MAC_LEN];
    size_t len;
    if (cookie.len == 0 ||
        sodium_base642bin(bytes, sizeof(bytes), cookie.ptr, cookie.len, NULL, &len, NULL, B64) !=
            0 ||
        len != sizeof(bytes))
        return false;
    make_mac(key, bytes, account, mac);
    if (sodium_memcmp(mac, bytes + DEVICE_BYTES, MAC_LEN) != 0)
        return false;
    memcpy(device, bytes, DEVICE_BYTES);
    return true;
}

void device_cookie_put(const uint8_t key[32], const struct http_req *req, struct span account,
                       char out[DEVICE_SET_COOKIE_MAX])
{
    uint8_t bytes[COOKIE_BYTES];
    char value[COOKIE_BYTES * 2];
    if (!device_known(key, req, account, bytes))
        randombytes_buf(bytes, DEVICE_BYTES);
    make_mac(key, bytes, account, bytes + DEVICE_BYTES);
    sodium_bin2base64(value, sizeof(value), bytes, sizeof(bytes), B64);
    int len = snprintf(out, DEVICE_SET_COOKIE_MAX,
                       COOKIE_NAME "=%s; Path=/v1/pay/login; HttpOnly; SameSite=Lax; Max-Age=%d%s",
                       value, AGE_S, http_req_is_tls(req) ? "; Secure" : "");
    assert(len > 0 && len < DEVICE_SET_COOKIE_MAX);
}
