/* tally.h: how often each of many did something within a minute, in fixed memory: a bound for
 * what costs more to refuse than to ask for.
 *
 * A count begins with the first time and ends a minute later. Where more take part than there is
 * room for, those whose minute ends first are forgotten: it bounds, and is no ledger. */
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
    uint8_t key[16]; /* of the hash: nobody can choose names that meet */
    struct tally_slot slot[TALLY_SETS][TALLY_WAYS];
};

void tally_init(struct tally *tally);
/* 0: less than `max` times so far; otherwise until when it was too often, in ms from now. */
uint64_t tally_wait_ms(const struct tally *tally, struct span who, uint32_t max, uint64_t now_ms);
void tally_add(struct tally *tally, struct span who, uint64_t now_ms);
/* Refuses `who` for the next `for_ms`, whatever was counted. */
void tally_fill(struct tally *tally, struct span who, uint64_t now_ms, uint64_t for_ms);

#endif
