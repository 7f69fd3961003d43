/* tally.h: counts per name within a minute, in fixed memory: a limit for requests that cost more to
 * refuse than to send.
 *
 * A count begins with the first event and ends a minute later. If there are more names than slots,
 * those whose minute ends first are dropped: it limits, but does not count exactly. */
#ifndef FG_PACE_TALLY_H
#define FG_PACE_TALLY_H

#include "base/span.h"

enum { TALLY_SETS = 512, TALLY_WAYS = 4, TALLY_MINUTE_MS = 60000 };

struct tally_slot {
    uint64_t who;
    uint64_t ends_ms; /* 0: unused */
    uint32_t count;
};

struct tally {
    uint8_t key[16]; /* of the hash: nobody can choose names that collide */
    struct tally_slot slot[TALLY_SETS][TALLY_WAYS];
};

void tally_init(struct tally *tally);
/* 0: fewer than `max` so far; otherwise how many ms the limit still applies. */
uint64_t tally_wait_ms(const struct tally *tally, struct span who, uint32_t max, uint64_t now_ms);
void tally_add(struct tally *tally, struct span who, uint64_t now_ms);
/* Refuses `who` for the next `for_ms`, regardless of the count. */
void tally_fill(struct tally *tally, struct span who, uint64_t now_ms, uint64_t for_ms);

#endif
