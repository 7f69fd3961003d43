/* operators.h: operators, who make the events, open them and change their settings. */
#ifndef FG_SIM_QUEUE_OPERATORS_H
#define FG_SIM_QUEUE_OPERATORS_H

#include <stdbool.h>

struct operators_ways {
    bool lanes, members, draws, presale;
};

void operators_begin(bool sells); /* `sells`: seats are sold inside, so visits last longer */
void operators_calm_down(void);   /* from here on all visitors are let in */
bool operators_are_slow(unsigned event);
const struct operators_ways *operators_ways(unsigned event);

#endif
