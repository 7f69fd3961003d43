/* counter.h: where a call meets the bank. */
#ifndef FG_PSP_SANDBOX_COUNTER_H
#define FG_PSP_SANDBOX_COUNTER_H

#include "bank/bank.h"

void counter_run(struct bank *bank, const struct call *call, struct answer *answer);

#endif
