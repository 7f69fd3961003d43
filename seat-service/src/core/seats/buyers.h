/* buyers.h: how many seats and places each buyer has, so that a limit per buyer holds however many
 * of their requests run at once. A table of fixed size without locks; a buyer is a 64-bit hash. */
#ifndef FG_SEAT_CORE_BUYERS_H
#define FG_SEAT_CORE_BUYERS_H

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct buyers {
    _Atomic uint64_t *entries;
    _Atomic uint8_t *spilled; /* by bucket: 1 once a buyer did not fit there */
    uint32_t size;
    uint64_t seed;
};

/* For at most `most` buyers with seats or places at the same time. */
int buyers_init(struct buyers *buyers, uint32_t most, uint64_t seed);
void buyers_deinit(struct buyers *buyers);

enum { BUYERS_NO_LIMIT = 0xffff };

enum buyers_answer { BUYERS_ADDED, BUYERS_OVER, BUYERS_FULL };

/* Adds n unless the buyer would then have more than limit; *has is the count before. */
enum buyers_answer buyers_add(struct buyers *buyers, uint64_t buyer, uint32_t n, uint32_t limit,
                              uint32_t *has);
void buyers_sub(struct buyers *buyers, uint64_t buyer, uint32_t n); /* n were added before */
uint32_t buyers_count(struct buyers *buyers, uint64_t buyer);

#endif
