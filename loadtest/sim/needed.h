/* needed.h: how many machines a sale needs so that everybody has a place in time and every poll
 * finds somebody to answer it. Arithmetic proposes, the simulation decides. */
#ifndef FG_LOADTEST_SIM_NEEDED_H
#define FG_LOADTEST_SIM_NEEDED_H

#include "sale.h"

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
