/* draw.h: the draw: visitors who waited before the opening get random positions that anybody can
 * recompute.
 *
 * Before the pre-queue opens, the SHA-256 of a secret seed is published (the commitment). At the
 * draw the number of entries N is frozen, a beacon may be named (a public value that nobody could
 * know in advance), and the seed is published. Position = 1 + permutation(entry - 1); only seed,
 * beacon and N determine the permutation. Nothing is stored per visitor. */
#ifndef FG_QUEUE_FRONT_CORE_DRAW_H
#define FG_QUEUE_FRONT_CORE_DRAW_H

#include "base/span.h"

enum {
    DRAW_SEED_BYTES = 32,
    DRAW_COMMITMENT_BYTES = 32,
    DRAW_KEY_BYTES = 16,
    DRAW_BEACON_MAX = 256,
    DRAW_ROUNDS = 12,
};

#define DRAW_ALGORITHM "fairgate-draw-1" /* the name is part of the hash: see draw.c */

/* More entries than there are people. */
#define DRAW_ENTRIES_MAX (UINT64_C(1) << 40)

/* A value without pointers: may be copied; the same for the same seed, beacon and entries. */
struct draw {
    uint64_t entries; /* N: entries 1..N take part; 0: no entries */
    uint8_t high_bits, low_bits;
    uint8_t key[DRAW_KEY_BYTES];
};

/* Published before anybody can enter. */
void draw_commit(const uint8_t seed[DRAW_SEED_BYTES], uint8_t commitment[DRAW_COMMITMENT_BYTES]);

/* `beacon` may be empty, at most DRAW_BEACON_MAX bytes; entries <= DRAW_ENTRIES_MAX. */
void draw_init(struct draw *draw, const uint8_t seed[DRAW_SEED_BYTES], struct span beacon,
               uint64_t entries);

/* The position of an entry. Entries beyond N keep their number: first come, first served after the
 * draw. entry >= 1. */
uint64_t draw_position(const struct draw *draw, uint64_t entry);

#endif
