/* calls.h: the table of all calls that the sandbox answers, and how to run one. */
#ifndef FG_PSP_SANDBOX_CALLS_H
#define FG_PSP_SANDBOX_CALLS_H

#include "bank.h"

/* The journal stores an op by its place, so the table only ever grows at its end. */
extern const struct op calls_ops[];
extern const unsigned calls_len;

/* The op with this route; a word belongs to exactly one op. */
const struct op *calls_op(const char *route);

/* Checks the idempotency key, runs the op and stores its answer. */
void calls_run(struct bank *bank, struct call *call);

/* Writes an error in the API's form. NULL: the default code and message of the status. */
void calls_refuse(struct text *out, enum flavour flavour, unsigned status, const char *toss_code,
                  const char *words);

#endif
