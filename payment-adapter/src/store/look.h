/* look.h: how far back a look at a queue goes. While anybody's snapshot is open (a dump, a report,
 * a forgotten transaction, a retire), PostgreSQL keeps all that was done since, and an index by due
 * time has it in front of what is due: each look would walk all of it. So a look begins where the
 * oldest row was due that the last one found. Rows that are due from before that (locked by a
 * transaction that failed, held up by another row, due before the clock was set) are found by a
 * look at the whole queue, which the first is and one every LOOK_WHOLE_MS. */
#ifndef FG_PAY_LOOK_H
#define FG_PAY_LOOK_H

#include "pay_limits.h"

#include <stdbool.h>
#include <stdint.h>

#define LOOK_YEARS_MS (UINT64_C(100) * 365 * 86400 * 1000)

struct look {
    uint64_t since_us, whole_at_us; /* zeroed at first */
};

/* `back_ms` of the next look. */
static inline uint64_t look_back_ms(struct look *look, uint64_t now_us)
{
    bool whole = now_us >= look->whole_at_us;
    if (whole)
        look->whole_at_us = now_us + LOOK_WHOLE_MS * UINT64_C(1000);
    return whole ? LOOK_YEARS_MS : (now_us - look->since_us) / 1000 + LOOK_SPARE_MS;
}

/* A look found rows; the oldest is due for so long. */
static inline void look_found(struct look *look, uint64_t late_us, uint64_t now_us)
{
    look->since_us = late_us < now_us ? now_us - late_us : 0;
}

#endif
