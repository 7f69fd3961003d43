/* needed.c: starts with what the sums give and adds a twentieth to the part that was too small,
 * until the simulated sale goes well. What no number of machines changes is Redis: one event lives
 * on one. If it takes longer than was asked for, that is the time aimed at. */
#include "needed.h"

#include "core/wait/poll.h"

#include <math.h>

/* ---- sums: the closed formulas behind infra/SCALE.md ----
 *
 * For each part of the system: visitors times the cost of one, divided by the cores it has, is
 * how long the part needs; the slowest decides. Polls are an integral over the line, because a
 * visitor's interval depends on the remaining wait. The simulation plays the same sale step by
 * step; a test compares the two, so neither the sums nor the simulation can drift alone. */

/* A visitor t seconds from the call asks again after 0.4 t (half of what surely passes, which is 80
 * % of t where p90 is 120 % of it), but not sooner than NEAR and not later than FAR. Added up over
 * the line, rate people for each second of t: those near, a logarithm between, and the long tail
 * behind. */
static double polls_per_s(double waiting, double rate_per_s)
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

struct needed_sums needed_sums_of(const struct sale_ask *ask)
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
    struct needed_sums out = {.placed_s = (double)ask->within_ms / 1000};
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
    out.polls_per_s = polls_per_s(waiting, rate_per_s);
    double each = (double)(costs->handshake_bytes + costs->page_bytes + costs->join_bytes);
    out.bytes_per_s = visitors * each / out.placed_s;
    return out;
}

static const double POLLS_LATE_SHARE = 0.001;

static uint64_t machines_for(double core_s, double within_s, uint64_t cores, uint64_t busy_percent)
{
    double of_one = (double)cores * (double)busy_percent / 100 * within_s;
    return (uint64_t)fmax(1, ceil(core_s / of_one));
}

static uint64_t larger(uint64_t machines)
{
    return machines + machines / 20 + 1;
}

bool needed_for(const struct sale_ask *ask, double placed_within_s, struct needed *out)
{
    const struct sale_costs *costs = &ask->costs;
    struct sale_ask trial = *ask;
    struct sale_machines *machines = &trial.machines;
    double visitors = (double)ask->visitors;
    double aim_s = fmax(placed_within_s, (double)ask->within_ms / 1000);
    machines->edges =
        machines_for(visitors * (double)(costs->handshake_ns + 2 * costs->edge_ns) / 1e9, aim_s,
                     machines->edge_cores, machines->busy_percent);
    machines->fronts = machines_for(visitors * (double)(costs->page_ns + costs->join_ns) / 1e9,
                                    aim_s, machines->front_cores, machines->busy_percent);
    while (machines->edges <= NEEDED_MACHINES_MAX && machines->fronts <= NEEDED_MACHINES_MAX) {
        sale_run(&trial, &out->sale);
        const struct sale_result *sale = &out->sale;
        bool late =
            sale->placed_s == 0 || (sale->placed_s > aim_s && sale->narrowest != SALE_REDIS);
        bool polls_late = sale->late_polls > POLLS_LATE_SHARE * sale->polls;
        if (!late && !polls_late) {
            out->machines = *machines;
            return true;
        }
        if (sale->busy[SALE_EDGE] >= sale->busy[SALE_FRONT])
            machines->edges = larger(machines->edges);
        else
            machines->fronts = larger(machines->fronts);
    }
    return false;
}
