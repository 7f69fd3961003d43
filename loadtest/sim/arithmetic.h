/* arithmetic.h: the same sale on the back of an envelope: sums and quotients, as infra/SCALE.md
 * explains them. The simulation checks them. */
#ifndef FG_LOADTEST_SIM_ARITHMETIC_H
#define FG_LOADTEST_SIM_ARITHMETIC_H

#include "sale.h"

struct arithmetic {
    double placed_s; /* until the last visitor has a place */
    enum sale_part narrowest;
    double sold_out_s;
    double polls_per_s; /* when all of them wait */
    double bytes_per_s; /* while they come */
};

struct arithmetic arithmetic_of(const struct sale_ask *ask);

#endif
