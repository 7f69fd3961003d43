/* ring.h: the keys of a run, made anew in each, so that no corpus can come to hold a good
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
