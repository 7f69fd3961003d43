/* toss_error.h: errors in Toss Payments' form: {"code", "message"} and a status. */
#ifndef FG_PSP_SANDBOX_TOSS_ERROR_H
#define FG_PSP_SANDBOX_TOSS_ERROR_H

#include "bank/bank.h"

void toss_fail(struct desk_call *at, unsigned status, const char *code, const char *message);
void toss_fail_status(struct desk_call *at, unsigned status);

/* The same body without a call. */
void toss_error_put(struct text *out, const char *code, const char *message);

#endif
