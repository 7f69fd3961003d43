/* keyring.h: the public keys of somebody who signs (queue-front's passes, the shop's sessions),
 * read from a URL, kept, and read anew now and then. While the signer is away the keys that are
 * known stay good: a token that was signed is signed. */
#ifndef FG_PAY_KEYRING_H
#define FG_PAY_KEYRING_H

#include "base/clock.h"
#include "crypto/jwks.h"
#include "outcall/outcall.h"

struct keyring;
struct logger;

struct keyring_conf {
    const char *url; /* of a JWKS; borrowed */
    uint32_t refresh_ms;
    struct outcalls *outcalls; /* borrowed */
    uv_loop_t *loop;
    const struct clock *clock;
    struct logger *log;
};

int keyring_create(const struct keyring_conf *conf, struct err_slot *err, struct keyring **out);
void keyring_close(struct keyring *keyring);
const struct jwks *keyring_keys(const struct keyring *keyring); /* NULL: none were read yet */
/* A token was signed by a key that we do not have: read them now, at most once in two seconds. */
void keyring_refresh(struct keyring *keyring);

#endif
