/* giving_back.h: an adapter gives back the orders of a cancelled event, by saga/cancellations.c. */
#ifndef FG_SIM_GIVING_BACK_H
#define FG_SIM_GIVING_BACK_H

#include "stage/sim.h"

#include "core/checkout/checkout.h"

/* Until the process dies. `nudge` wakes its engine. */
void giving_back_begin(struct sim_proc *proc, const struct checkout *checkout,
                       void (*nudge)(void *ctx), void *ctx);

#endif
