/* pow.h: proof of work: a crowd of bots pays for each place with computing time, a person with a
 * moment of waiting. Stateless: the challenge contains its purpose and a MAC, so any front can
 * check the solution of any other front's challenge.
 *
 * A challenge is a text C; a solution is a number n such that SHA-256(C || "." || n in decimal)
 * begins with `bits` zero bits, returned as "C.n". Each costs 2^bits hashes on average to find and
 * one to check. */
#ifndef FG_QUEUE_FRONT_CORE_POW_H
#define FG_QUEUE_FRONT_CORE_POW_H

#include "base/text.h"
#include "core/line/line.h"
#include "crypto/mac.h"

#define POW_ALGORITHM "sha256-leading-zero-bits"

enum {
    POW_BITS_MAX = 30, /* some minutes on a phone: the most to ask of anybody */
    POW_SALT_BYTES = 7,
    POW_CHALLENGE_LEN = 40,
    POW_SOLUTION_MAX = POW_CHALLENGE_LEN + 1 + 20,
    POW_LIFETIME_S = 300, /* slow phones may sleep in between */
};

/* The scope of a challenge: one event and one visitor, identified by a cookie or, without one, by
 * the network (an address, IPv6 cut to its /64). */
struct pow_bond {
    struct span event;
    const uint8_t *whose; /* 16 bytes of either */
    bool by_cookie;
};

/* Appends POW_CHALLENGE_LEN characters. */
void pow_challenge_put(struct text *out, const struct mac_ring *ring, const struct pow_bond *bond,
                       unsigned bits, uint64_t now_s, const uint8_t salt[POW_SALT_BYTES]);

/* All times here are on the clock that issued the challenge. */
struct pow_once {
    uint64_t minute; /* since 1970, of the challenge's issue */
    uint8_t name[LINE_IDEM_BYTES];
};

/* 0, and `once` identifies this challenge, so that a solution buys one place. Otherwise ERR_SYNTAX:
 * malformed; ERR_AUTH: for another event or visitor, or forged; ERR_TIMEOUT: expired; ERR_RANGE:
 * not solved, or easier than `bits_min`. Allocates nothing. */
int pow_check(const struct mac_ring *ring, const struct pow_bond *bond, struct span solution,
              unsigned bits_min, uint64_t now_s, struct pow_once *once);

/* The failure's name on the wire: "malformed", "foreign", "stale", "unsolved". */
const char *pow_fault_name(int rc);

/* The difficulty in bits: `floor` up to `calm_per_s` joins a second, one more for each doubling, at
 * most `ceiling`. */
unsigned pow_bits_for(unsigned floor, unsigned ceiling, uint64_t joins_per_s, uint64_t calm_per_s);

#endif
