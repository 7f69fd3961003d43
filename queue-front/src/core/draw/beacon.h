/* beacon.h: the public value that nobody can know while a draw still takes entries, and the promise
 * about it. A promise is settled when an event is scheduled and is part of its document, so it is
 * public before anybody can enter:
 *
 *     drand  a round of a chain of the drand network, which signs one every few seconds
 *     text   a value that the operator names at the draw, from the announced source
 *     none   the seed alone
 *
 * No network calls here; front/drawing.c makes them. */
#ifndef FG_QUEUE_FRONT_CORE_BEACON_H
#define FG_QUEUE_FRONT_CORE_BEACON_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* drand's chain, unless the settings name another. */
#define BEACON_QUICKNET "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
#define BEACON_QUICKNET_KEY                                                                        \
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d10" \
    "64510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991e" \
    "f5ece45a"
#define BEACON_QUICKNET_PERIOD_MS  3000
#define BEACON_QUICKNET_GENESIS_MS UINT64_C(1692803367000)

struct json_in;

enum {
    BEACON_HASH_LEN = 64, /* a chain's name: SHA-256 in hex */
    BEACON_KEY_LEN = 192, /* a chain's public key: a point of G2, compressed, in hex */
    BEACON_SIGN_LEN = 96, /* a round's signature: a point of G1, compressed, in hex */
    BEACON_WORDS_MAX = 200,
    BEACON_LATE_S_MIN = 5,
    BEACON_LATE_S_MAX = 86400,
    BEACON_LATE_S = 120, /* default: forty rounds of drand */
};

enum beacon_kind { BEACON_NONE, BEACON_DRAND, BEACON_TEXT };

const char *beacon_kind_name(enum beacon_kind kind);

/* The promise. */
struct beacon {
    enum beacon_kind kind;
    char chain[BEACON_HASH_LEN + 1]; /* drand: hash of the chain */
    uint64_t round;                  /* drand: the round; 0: open until the opening is scheduled */
    uint64_t at_ms;                  /* when the value comes; 0: unknown */
    uint64_t late_s;                 /* this long after at_ms the seed alone decides */
    char words[BEACON_WORDS_MAX + 1];
    uint64_t since_ms; /* when it was promised; 0: not yet */
    uint64_t changes;  /* number of changes since the event was scheduled */
};

/* The sources of values, from the settings. */
struct beacon_sources {
    bool drand;                      /* relays are configured */
    char chain[BEACON_HASH_LEN + 1]; /* drand's */
    char key[BEACON_KEY_LEN + 1];
    uint64_t period_ms, genesis_ms;
    uint64_t gap_ms; /* minimum time from the closing of the entries to the value */
};

/* The knob: an object, or null for no beacon. */
void beacon_read(struct json_in *in, const char *key, struct beacon *out);
void beacon_put(struct text *out, const struct beacon *beacon); /* after a json_key() */

/* Fixes the round from the time at which the entries will close (0: unknown), and counts a change
 * if it differs from `before` (NULL: no promise yet). */
void beacon_settle(struct beacon *beacon, const struct beacon *before,
                   const struct beacon_sources *sources, uint64_t closes_ms, uint64_t now_ms);

/* Whether the operator's choice is the same, whatever round follows from the time. */
bool beacon_same_choice(const struct beacon *a, const struct beacon *b);

/* The round to use once the entries have closed: the promised one or, if they closed so late that
 * its value may have been published, the first one long enough after. */
struct beacon beacon_after(const struct beacon *beacon, const struct beacon_sources *sources,
                           uint64_t closed_ms);

/* Checks a chain's answer, {round, signature, randomness?}: its form, its round, and that the
 * randomness is the hash of the signature. Verifying the signature takes a pairing, which is not
 * done here. `signature` gets BEACON_SIGN_LEN letters, `value` the hash in hex, BEACON_HASH_LEN
 * letters. */
int beacon_drand_answer(struct span json, uint64_t round, struct err_slot *err,
                        char signature[BEACON_SIGN_LEN + 1], char value[BEACON_HASH_LEN + 1]);

/* The value of a signature, BEACON_SIGN_LEN lower-case hex digits. False: malformed. */
bool beacon_drand_value(struct span signature, char value[BEACON_HASH_LEN + 1]);

#endif
