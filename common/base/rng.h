/* rng.h: randomness as an argument. rng_system() is the kernel's, fit for keys; an rng_seeded gives
 * the same numbers for the same seed, for tests, jitter in simulations and load. */
#ifndef FG_BASE_RNG_H
#define FG_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    void (*fill)(void *ctx, void *out, size_t len);
    void *ctx;
};

static inline void rng_fill(const struct rng *rng, void *out, size_t len)
{
    rng->fill(rng->ctx, out, len);
}

static inline uint64_t rng_u64(const struct rng *rng)
{
    uint64_t value;
    rng->fill(rng->ctx, &value, sizeof(value));
    return value;
}

/* Uniform in [0, bound), bound > 0. */
uint64_t rng_below(const struct rng *rng, uint64_t bound);

const struct rng *rng_system(void);

struct rng_seeded {
    struct rng rng;    /* pass &seeded->rng */
    uint64_t state[4]; /* xoshiro256++ */
};

void rng_seeded_init(struct rng_seeded *seeded, uint64_t seed);

#endif
