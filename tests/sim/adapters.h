/* adapters.h: the payment adapters of the world: two processes, each with the real saga engine and
 * the real checkout. What stands between a step and its peer, HTTP and JSON in the real service, is
 * told here in a few lines. */
#ifndef FG_SIM_ADAPTERS_H
#define FG_SIM_ADAPTERS_H

#include "stage/sim.h"

#include "core/checkout/checkout.h"

enum { ADAPTER_PROCS = 2 };

void adapters_begin(void);
void adapters_nudge(void); /* a request or a webhook has come to one of them */
void adapters_fault(uint32_t ms);
/* Of a program: which sagas there are. */
const struct saga_def *adapter_def(enum checkout_kind kind);

#endif
