/* look.h: how far back a scan of a queue goes. While any snapshot is open (a dump, a report, a
 * forgotten transaction, a retire), PostgreSQL keeps all dead rows since then, and an index by due
 * time has them in front of the due ones: each scan would walk all of them. So a scan begins at the
 * due time of the oldest row that the last one found. Rows due earlier (locked by a transaction
 * that failed, held up by another row, due before the clock was set) are found by a scan of the
 * whole queue: the first scan, and one every LOOK_WHOLE_MS. */
#ifndef FG_PAY_LOOK_H
#define FG_PAY_LOOK_H

#include "pay_limits.h"

#include <stdbool.h>
#include <stdint.h>

#define LOOK_YEARS_MS (UINT64_C(100) * 365 * 86400 * 1000)

struct look {
    uint64_t since_us, whole_at_us; /* zeroed at first */
};

/* Returns `back_ms` for the next scan. */
static inline uint64_t look_back_ms(struct look *look, uint64_t now_us)
{
    bool whole = now_us >= look->whole_at_us;
    if (whole)
        look->whole_at_us = now_us + LOOK_WHOLE_MS * UINT64_C(1000);
    return whole ? LOOK_YEARS_MS : (now_us - look->since_us) / 1000 + LOOK_SPARE_MS;
}

/* Call it after a scan found rows; late_us: how long the oldest has been due. */
static inline void look_found(struct look *look, uint64_t late_us, uint64_t now_us)
{
    look->since_us = late_us < now_us ? now_us - late_us : 0;
}

#endif
