/* operators.h: operators, who make the events, open them and change their settings. */
#ifndef FG_SIM_QUEUE_OPERATORS_H
#define FG_SIM_QUEUE_OPERATORS_H

#include <stdbool.h>

void operators_begin(bool sells); /* `sells`: seats are sold inside, so visits last longer */
void operators_calm_down(void);   /* from here on all visitors are let in */
bool operators_have_lanes(unsigned event);
bool operators_want_members(unsigned event);
bool operators_are_slow(unsigned event);
bool operators_draw(unsigned event);
bool operators_have_presale(unsigned event);

#endif
