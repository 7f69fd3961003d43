/* rng.c: randomness that can be injected and repeated.
 *
 * The seeded generator is xoshiro256++ (Blackman and Vigna), its state filled by splitmix64 as its
 * authors advise, so that seeds 1, 2, 3 give unrelated sequences. It is fast and predictable: right
 * for jitter and repeatable tests, wrong for anything that a stranger must not guess; use
 * rng_system(), the kernel's, for that. Draws below a bound use rejection instead of a modulo,
 * because a draw of places in line must be exactly fair. */
#include "base/rng.h"

#include "system/system.h"

#include <assert.h>
#include <string.h>

static void system_fill(void *ctx, void *out, size_t len)
{
    (void)ctx;
    system_random(out, len);
}

const struct rng *rng_system(void)
{
    static const struct rng system = {system_fill, NULL};
    return &system;
}

uint64_t rng_below(const struct rng *rng, uint64_t bound)
{
    assert(bound > 0);
    /* The first (2^64 mod bound) values would make small results likelier; they are drawn again. */
    uint64_t threshold = (0 - bound) % bound;
    for (;;) {
        uint64_t value = rng_u64(rng);
        if (value >= threshold)
            return value % bound;
    }
}

static uint64_t rotate_left(uint64_t value, unsigned by)
{
    return (value << by) | (value >> (64 - by));
}

static void seeded_fill(void *ctx, void *out, size_t len)
{
    struct rng_seeded *seeded = ctx;
    unsigned char *at = out;
    while (len > 0) {
        uint64_t *state = seeded->state;
        uint64_t result = rotate_left(state[0] + state[3], 23) + state[0];
        uint64_t shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = rotate_left(state[3], 45);
        uint64_t value = result;
        size_t part = len < sizeof(value) ? len : sizeof(value);
        memcpy(at, &value, part);
        at += part;
        len -= part;
    }
}

void rng_seeded_init(struct rng_seeded *seeded, uint64_t seed)
{
    seeded->rng = (struct rng){seeded_fill, seeded};
    for (size_t i = 0; i < 4; i++) {
        seed += 0x9E3779B97F4A7C15u;
        uint64_t mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
        seeded->state[i] = mixed ^ (mixed >> 31);
    }
}
