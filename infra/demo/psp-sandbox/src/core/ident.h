/* ident.h: ids such as pi_4xGm...: 18 random characters, then the object's place in its list.
 * Looking one up means reading the place and comparing the rest; no index is needed. */
#ifndef FG_PSP_SANDBOX_IDENT_H
#define FG_PSP_SANDBOX_IDENT_H

#include "base/rng.h"
#include "base/span.h"

enum {
    IDENT_RANDOM = 18,
    IDENT_PLACE = 6, /* base 62: 5e10 places */
    IDENT_MAX = 40,  /* the longest prefix, the rest, a NUL */
    IDENT_SECRET_MAX = 80,
};

/* `prefix` with its underscore, at most 12 characters. */
void ident_make(char out[IDENT_MAX], const char *prefix, uint32_t place, const struct rng *rng);

/* Without a place: for what is never looked up. */
void ident_random(char out[IDENT_MAX], const char *prefix, const struct rng *rng);

/* The place that the id names; false if it is not an id of this kind. What is at that place still
 * has to be compared. */
bool ident_place(struct span id, const char *prefix, uint32_t *place);

/* "pi_..._secret_..." */
void ident_secret(char out[IDENT_SECRET_MAX], const char *id, const struct rng *rng);

#endif
