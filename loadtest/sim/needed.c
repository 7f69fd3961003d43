/* needed.c: starts with what the sums give and adds a twentieth to the part that was too small,
 * until the simulated sale goes well. What no number of machines changes is Redis: one event lives
 * on one. If it takes longer than was asked for, that is the time aimed at. */
#include "needed.h"

#include <math.h>

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
