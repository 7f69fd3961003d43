/* adapters.h: the payment adapters of the world: two processes, each with the real saga engine and
 * the real checkout. A few lines here replace the HTTP and JSON between a step and its peer. */
#ifndef FG_SIM_ADAPTERS_H
#define FG_SIM_ADAPTERS_H

#include "stage/sim.h"

#include "core/checkout/checkout.h"

enum { ADAPTER_PROCS = 2 };

void adapters_begin(void);
void adapters_nudge(void); /* a request or a webhook has reached one of them */
void adapters_fault(uint32_t ms);
/* The saga definition of this kind, from a program with all of them. */
const struct saga_def *adapter_def(enum checkout_kind kind);

#endif
