/* presale.h: presale codes, as an operator makes them up: any visible ASCII, small and large
 * letters alike, spaces and hyphens left out. A code is known by its SHA-256 (which an operator may
 * load in its place), and kept as that digest's MAC under the event's identity key: a reader of
 * Redis learns no code, and cannot try any. */
#ifndef FG_QUEUE_FRONT_CORE_PRESALE_H
#define FG_QUEUE_FRONT_CORE_PRESALE_H

#include "core/line/line.h"
#include "crypto/mac.h"

enum {
    PRESALE_CODE_MIN = 4,
    PRESALE_CODE_MAX = 64,
    PRESALE_INPUT_MAX = 128, /* a code, generously spaced */
    PRESALE_SHA_BYTES = 32,
};

/* False: it is no code that anybody could have loaded. */
bool presale_digest(struct span code, uint8_t sha[PRESALE_SHA_BYTES]);
bool presale_digest_parse(struct span hex, uint8_t sha[PRESALE_SHA_BYTES]);

void presale_sign(const struct mac_ring *ring, struct span event,
                  const uint8_t sha[PRESALE_SHA_BYTES], uint8_t out[LINE_CODE_BYTES]);

#endif
