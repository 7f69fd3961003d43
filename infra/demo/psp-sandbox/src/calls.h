/* calls.h: every call that the sandbox answers, as a table, and how one is run. */
#ifndef FG_PSP_SANDBOX_CALLS_H
#define FG_PSP_SANDBOX_CALLS_H

#include "bank.h"

/* The journal stores an op by its place, so the table only ever grows at its end. */
extern const struct op calls_ops[];
extern const unsigned calls_len;

/* The op with this route; of a word it is the only one. */
const struct op *calls_op(const char *route);

/* Checks the idempotency key, runs the op and stores its answer. */
void calls_run(struct bank *bank, struct call *call);

/* An error in the API's form. NULL: the code and the words that a status has by itself. */
void calls_refuse(struct text *out, enum flavour flavour, unsigned status, const char *toss_code,
                  const char *words);

#endif
