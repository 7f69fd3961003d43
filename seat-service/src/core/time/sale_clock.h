/* sale_clock.h: the time by which seats are judged. It is PostgreSQL's, the one clock that all
 * processes share, as this process estimates it from answers that have the time in them.
 *
 * The first answer sets it. From then on it never jumps and never goes back: it drifts towards what
 * the server's clock shows, by at most SALE_CLOCK_SLEW_PPM of the time that passes. So a clock that
 * is set, here or at the server, ends no hold of a running process by more than that too early.
 *
 * One thread adds samples; any thread may read the time. */
#ifndef FG_SEAT_CORE_SALE_CLOCK_H
#define FG_SEAT_CORE_SALE_CLOCK_H

#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>

enum {
    SALE_CLOCK_SAMPLES = 16,       /* answers that count: those of some seconds */
    SALE_CLOCK_WAIT_MAX_MS = 1000, /* an answer that took longer says too little */
    SALE_CLOCK_SLEW_PPM = 5000,
    /* Where the server's clock is further than this from the machine's at the start, or from the
     * time of the sale later, one of them is wrong, and nothing here shows which. */
    SALE_CLOCK_TRUST_MS = 5000,
};

struct sale_clock {
    struct clock clock; /* the time of the sale is its wall_us(); see sale_clock_init() */
    const struct clock *machine;
    /* Offsets from the monotonic clock, as of `since_us`; the reader drifts to the target. */
    _Atomic uint64_t turn; /* odd while the three are written */
    _Atomic uint64_t since_us, offset_us, target_us;
    _Atomic uint64_t apart_ms; /* gauge: between the time of the sale and the server's */
    struct {
        uint64_t offset_us, wait_us;
    } sample[SALE_CLOCK_SAMPLES];
    uint32_t samples; /* ever */
    bool has_agreed;
};

/* Until there is an answer it goes by `machine`, which is borrowed. `&sale->clock` is what others
 * are given: its monotonic clock is the machine's. */
void sale_clock_init(struct sale_clock *sale, const struct clock *machine);

/* The server's clock showed `server_us` at some moment between the two, by the monotonic clock. */
void sale_clock_sample(struct sale_clock *sale, uint64_t asked_us, uint64_t answered_us,
                       uint64_t server_us);

/* Has it been set? */
bool sale_clock_is_set(const struct sale_clock *sale);

/* May this process begin to own events? Only if its machine, its time and the server's have agreed
 * once, and its time and the server's still do. */
bool sale_clock_is_trusted(const struct sale_clock *sale);

#endif
