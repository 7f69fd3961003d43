/* needed.h: how many machines a sale needs so that each visitor has a place in time and each poll
 * is answered. Arithmetic proposes, the simulation decides. */
#ifndef FG_LOADTEST_SIM_NEEDED_H
#define FG_LOADTEST_SIM_NEEDED_H

#include "sale.h"

/* The same sale on the back of an envelope: sums and quotients, as infra/SCALE.md explains them. */
struct needed_sums {
    double placed_s; /* until the last visitor has a place */
    enum sale_part narrowest;
    double sold_out_s;
    double polls_per_s; /* when all of them wait */
    double bytes_per_s; /* while they come */
};

struct needed_sums needed_sums_of(const struct sale_ask *ask);

struct needed {
    struct sale_machines machines;
    struct sale_result
        sale; /* with these; slower than asked for only where Redis is the narrowest */
};

/* `ask->machines` says how large one machine is; its counts are not looked at. False: not even
 * NEEDED_MACHINES_MAX of a kind are enough. */
enum { NEEDED_MACHINES_MAX = 100000 };
bool needed_for(const struct sale_ask *ask, double placed_within_s, struct needed *out);

#endif
