/* arithmetic.c: the closed formulas behind infra/SCALE.md.
 *
 * For each part of the system: visitors times the cost of one, divided by the cores it has, is
 * how long the part needs; the slowest decides. Polls are an integral over the line, because a
 * visitor's interval depends on the remaining wait. The simulation next door plays the same sale
 * step by step; a test compares the two, so neither the sums nor the simulation can drift alone. */
#include "arithmetic.h"

#include "core/wait/poll.h"

#include <math.h>

/* Somebody t seconds from the call asks again after 0.4 t (half of what surely passes, which is 80
 * % of t where p90 is 120 % of it), but not sooner than NEAR and not later than FAR. Added up over
 * the line, rate people for each second of t: those near, a logarithm between, and the long tail
 * behind. */
/* Of so many who wait, at that rate of calls. */
static double arithmetic_polls_per_s(double waiting, double rate_per_s)
{
    const double share = 0.4, near_s = POLL_NEAR_MS / 1000.0, far_s = POLL_FAR_MS / 1000.0;
    const double mean = 1 - POLL_JITTER_PERCENT / 200.0;
    double near_end = near_s / share * rate_per_s, far_begin = far_s / share * rate_per_s;
    double near = fmin(waiting, near_end) / near_s;
    double between =
        waiting > near_end ? rate_per_s / share * log(fmin(waiting, far_begin) / near_end) : 0;
    double far = waiting > far_begin ? (waiting - far_begin) / far_s : 0;
    return (near + between + far) / mean;
}

struct arithmetic arithmetic_of(const struct sale_ask *ask)
{
    const struct sale_costs *costs = &ask->costs;
    const struct sale_machines *machines = &ask->machines;
    double busy = (double)machines->busy_percent / 100, visitors = (double)ask->visitors;
    double core_s[SALE_PARTS] = {
        [SALE_EDGE] = (double)(costs->handshake_ns + 2 * costs->edge_ns) / 1e9,
        [SALE_FRONT] = (double)(costs->page_ns + costs->join_ns) / 1e9,
        [SALE_REDIS] = (double)costs->redis_join_ns / 1e9,
    };
    double cores[SALE_PARTS] = {
        [SALE_EDGE] = (double)(machines->edges * machines->edge_cores) * busy,
        [SALE_FRONT] = (double)(machines->fronts * machines->front_cores) * busy,
        [SALE_REDIS] = busy - (double)(machines->fronts * machines->front_cores) * 10 *
                                  (double)costs->redis_tick_ns / 1e9,
    };
    struct arithmetic out = {.placed_s = (double)ask->within_ms / 1000};
    for (enum sale_part part = 0; part < SALE_PARTS; part++) {
        double takes_s = visitors * core_s[part] / cores[part];
        if (takes_s > out.placed_s) {
            out.placed_s = takes_s;
            out.narrowest = part;
        }
    }
    double rate_per_s = (double)ask->rate_per_s;
    double buyers = (double)ask->seats * 100 / (double)ask->seats_percent;
    out.sold_out_s = fmin(visitors, buyers) / rate_per_s;
    double waiting = fmax(0, visitors - rate_per_s * out.placed_s);
    out.polls_per_s = arithmetic_polls_per_s(waiting, rate_per_s);
    double each = (double)(costs->handshake_bytes + costs->page_bytes + costs->join_bytes);
    out.bytes_per_s = visitors * each / out.placed_s;
    return out;
}
