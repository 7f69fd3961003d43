/* presale.h: presale codes, chosen by an operator: any visible ASCII; case, spaces and hyphens do
 * not matter. A code is identified by its SHA-256, which an operator may load instead, and stored
 * as the MAC of that digest under the event's identity key. A reader of Redis learns no code, and
 * cannot test any. */
#ifndef FG_QUEUE_FRONT_CORE_PRESALE_H
#define FG_QUEUE_FRONT_CORE_PRESALE_H

#include "core/line/line.h"
#include "crypto/mac.h"

enum {
    PRESALE_CODE_MIN = 4,
    PRESALE_CODE_MAX = 64,
    PRESALE_INPUT_MAX = 128, /* a code with generous spacing */
    PRESALE_SHA_BYTES = 32,
};

/* False: could never have been loaded as a code. */
bool presale_digest(struct span code, uint8_t sha[PRESALE_SHA_BYTES]);

void presale_sign(const struct mac_ring *ring, struct span event,
                  const uint8_t sha[PRESALE_SHA_BYTES], uint8_t out[LINE_CODE_BYTES]);

#endif
