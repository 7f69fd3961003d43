/* webhook_fuzz.c: arbitrary requests to the webhooks of providers. The fuzzer's own signature
 * header never passes, as the key differs in each run; then the body is sent with a valid
 * signature.
 *
 * The first line is a signature header, the rest a body. */
#include "../fuzz.h"
#include "../json_mutator.h"
#include "psp/psp.h"

#include <sodium.h>
#include <stdio.h>

static const uint64_t now_s = 1800000000;

static const char *secret(void)
{
    static char text[33];
    if (text[0] == '\0') {
        uint8_t bytes[16];
        randombytes_buf(bytes, sizeof(bytes));
        sodium_bin2hex(text, sizeof(text), bytes, sizeof(bytes));
    }
    return text;
}

static void sign(struct span body, char header[128])
{
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    char hex[2 * sizeof(mac) + 1], stamp[32];
    int len = snprintf(stamp, sizeof(stamp), "%llu.", (unsigned long long)now_s);
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)secret(), strlen(secret()));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)stamp, (unsigned long long)len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)body.ptr, body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    snprintf(header, 128, "t=%llu,v1=%s", (unsigned long long)now_s, hex);
}

static bool ends(const char *text, size_t cap)
{
    return memchr(text, '\0', cap) != NULL;
}

static void judge(const struct psp *psp, struct span header, struct span body, int *rc)
{
    struct err_slot err = {.text = ""};
    struct psp_event event = {.id = ""};
    *rc = psp->driver->webhook(psp, header, body, now_s, &err, &event);
    if (*rc < 0) {
        assert(err.text[0] != '\0');
        return;
    }
    assert(ends(event.id, sizeof(event.id)) && event.id[0] != '\0');
    assert(ends(event.kind, sizeof(event.kind)) && event.kind[0] != '\0');
    assert(ends(event.payment, sizeof(event.payment)) && ends(event.order, sizeof(event.order)));
}

static void fuzz(struct span in)
{
    struct span header, body = span_cut(in, '\n', &header);
    if (body.ptr == NULL)
        body = (struct span){"", 0};
    for (uint32_t place = 0; place < PSP_PROVIDERS; place++) {
        struct psp psp = {.driver = psp_drivers[place], .place = place};
        psp.conf.webhook_secrets = secret();
        int rc;
        judge(&psp, header, body, &rc);
        if (psp.driver->signature == NULL)
            continue;
        assert(rc == ERR_AUTH || rc == ERR_SYNTAX);
        char good[128];
        sign(body, good);
        judge(&psp, span_of(good), body, &rc);
        assert(rc == 0 || rc == ERR_SYNTAX); /* with a valid signature only the body matters */
    }
}
