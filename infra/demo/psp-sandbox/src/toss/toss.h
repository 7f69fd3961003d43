/* toss.h: what runs behind each route of the Toss Payments subset, and errors in Toss's form. */
#ifndef FG_PSP_SANDBOX_TOSS_H
#define FG_PSP_SANDBOX_TOSS_H

#include "bank/bank.h"

void toss_confirm(struct desk_call *at);
void toss_get(struct desk_call *at);
void toss_get_order(struct desk_call *at);
void toss_cancel(struct desk_call *at);
void toss_list(struct desk_call *at);

/* The buyer has transferred what a virtual account waits for: orderId. */
void toss_deposit(struct desk_call *at);

/* From the payment window: the buyer has agreed with this card. Answers the payment. */
void toss_hosted(struct desk_call *at);

/* 6..64 of letters, digits, - _ =: what Toss accepts as an orderId. */
bool toss_order_id_valid(struct span id);

/* {"code", "message"}: discards what the answer holds and writes the error. */
void toss_fail(struct desk_call *at, unsigned status, const char *code, const char *message);
void toss_fail_status(struct desk_call *at, unsigned status);
/* The body without a call. */
void toss_error_put(struct text *out, const char *code, const char *message);

#endif
