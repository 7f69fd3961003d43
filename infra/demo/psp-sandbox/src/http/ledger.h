/* ledger.h: the bank's holdings added up, for reconciliation. */
#ifndef FG_PSP_SANDBOX_LEDGER_H
#define FG_PSP_SANDBOX_LEDGER_H

#include "bank/bank.h"

struct webhook_sender_stats;

/* One JSON object. With `by` also one row for each value of that metadata key. ERR_NOMEM. */
int ledger_put(const struct bank *bank, const struct webhook_sender_stats *webhooks, struct span by,
               struct text *out, struct err_slot *err);

#endif
