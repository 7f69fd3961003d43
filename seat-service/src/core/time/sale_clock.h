/* sale_clock.h: the time of the sale, which all rules about seats use. It is PostgreSQL's clock,
 * the only one that all processes share, estimated from query results that contain the time.
 *
 * The first sample sets it. From then on it never jumps and never goes back: it drifts towards the
 * server's clock, by at most SALE_CLOCK_SLEW_PPM of the elapsed time. So if a clock is set, here or
 * at the server, no hold of a running process ends early by more than that.
 *
 * One thread adds samples; any thread may read the time. */
#ifndef FG_SEAT_CORE_SALE_CLOCK_H
#define FG_SEAT_CORE_SALE_CLOCK_H

#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>

enum {
    SALE_CLOCK_SAMPLES = 16,       /* recent samples that count: a few seconds' worth */
    SALE_CLOCK_WAIT_MAX_MS = 1000, /* slower answers are too inaccurate */
    SALE_CLOCK_SLEW_PPM = 5000,
    /* If the server's clock is further than this from the machine's at the start, or from the time
     * of the sale later, one of them is wrong, and we cannot know which. */
    SALE_CLOCK_TRUST_MS = 5000,
};

struct sale_clock {
    struct clock clock; /* the time of the sale is its wall_us(); see sale_clock_init() */
    const struct clock *machine;
    /* Offsets from the monotonic clock at `since_us`; readers add the drift to the target. */
    _Atomic uint64_t turn; /* odd while these three are written */
    _Atomic uint64_t since_us, offset_us, target_us;
    _Atomic uint64_t apart_ms; /* gauge: from the time of the sale to the server's */
    struct {
        uint64_t offset_us, wait_us;
    } sample[SALE_CLOCK_SAMPLES];
    uint32_t samples; /* total */
    bool has_agreed;
};

/* Until the first sample it returns the time of `machine`, which is borrowed. Give others
 * `&sale->clock`; its monotonic clock is the machine's. */
void sale_clock_init(struct sale_clock *sale, const struct clock *machine);

/* Adds a sample: the server's clock read `server_us` between these two monotonic times. */
void sale_clock_sample(struct sale_clock *sale, uint64_t asked_us, uint64_t answered_us,
                       uint64_t server_us);

bool sale_clock_is_set(const struct sale_clock *sale);

/* Whether this process may begin to own events: the clocks of machine, sale and server have agreed
 * once, and those of sale and server still do. */
bool sale_clock_is_trusted(const struct sale_clock *sale);

#endif
