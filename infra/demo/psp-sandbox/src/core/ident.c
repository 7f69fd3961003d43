/* ident.c: the place is written in base 62 with a fixed number of digits at the end, so it can be
 * cut off without knowing the prefix. The random part makes ids unguessable and different for each
 * life of the sandbox; it is compared after the look-up, never searched. */
#include "core/ident.h"

#include <assert.h>

enum { BASE = 62, SECRET_RANDOM = 25 };

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static char *put_random(char *at, size_t len, const struct rng *rng)
{
    for (size_t i = 0; i < len; i++)
        *at++ = alphabet[rng_below(rng, BASE)];
    return at;
}

static char *put_prefix(char *at, const char *prefix)
{
    assert(strlen(prefix) + IDENT_RANDOM + IDENT_PLACE < IDENT_MAX);
    return stpcpy(at, prefix);
}

void ident_make(char out[IDENT_MAX], const char *prefix, uint32_t place, const struct rng *rng)
{
    char *at = put_random(put_prefix(out, prefix), IDENT_RANDOM, rng);
    for (int i = IDENT_PLACE - 1; i >= 0; i--) {
        at[i] = alphabet[place % BASE];
        place /= BASE;
    }
    assert(place == 0); /* 62^6 is beyond 2^32 */
    at[IDENT_PLACE] = '\0';
}

void ident_random(char out[IDENT_MAX], const char *prefix, const struct rng *rng)
{
    char *at = put_random(put_prefix(out, prefix), IDENT_RANDOM + IDENT_PLACE, rng);
    *at = '\0';
}

bool ident_place(struct span id, const char *prefix, uint32_t *place)
{
    struct span head = span_of(prefix);
    if (id.len != head.len + IDENT_RANDOM + IDENT_PLACE || !span_starts(id, head))
        return false;
    uint64_t value = 0;
    for (size_t i = id.len - IDENT_PLACE; i < id.len; i++) {
        const char *digit = memchr(alphabet, id.ptr[i], BASE);
        if (digit == NULL)
            return false;
        value = value * BASE + (uint64_t)(digit - alphabet);
    }
    if (value > UINT32_MAX)
        return false;
    *place = (uint32_t)value;
    return true;
}

void ident_secret(char out[IDENT_SECRET_MAX], const char *id, const struct rng *rng)
{
    static const char middle[] = "_secret_";
    assert(strlen(id) + sizeof(middle) + SECRET_RANDOM < IDENT_SECRET_MAX);
    char *at = put_random(stpcpy(stpcpy(out, id), middle), SECRET_RANDOM, rng);
    *at = '\0';
}
