/* ring.h: the keys of a run. Each run has new ones, so that no corpus can contain a valid
 * signature. */
#ifndef FG_FUZZ_RING_H
#define FG_FUZZ_RING_H

#include "base/rng.h"
#include "crypto/mac.h"

static inline const struct mac_ring *ring(void)
{
    static struct mac_ring one;
    if (one.len == 0) {
        rng_fill(rng_system(), one.key[0].key, MAC_KEY_BYTES);
        one.len = 1;
    }
    return &one;
}

#endif
