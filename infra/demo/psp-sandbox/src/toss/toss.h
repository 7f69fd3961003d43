/* toss.h: what runs behind each route of the Toss Payments subset. See op.c. */
#ifndef FG_PSP_SANDBOX_TOSS_H
#define FG_PSP_SANDBOX_TOSS_H

#include "bank/bank.h"

void toss_confirm(struct desk_call *at);
void toss_get(struct desk_call *at);
void toss_get_order(struct desk_call *at);
void toss_cancel(struct desk_call *at);
void toss_list(struct desk_call *at);

/* The buyer has transferred what a virtual account waits for. */
void toss_deposit(struct desk_call *at);

/* From the payment window: the buyer has agreed with this card. Answers the payment. */
void toss_hosted(struct desk_call *at);

const char *toss_status_name(enum payment_status status);
/* Korean time, to the second; null for 0. */
void toss_put_time(struct text *out, const char *key, uint64_t at_ms);

/* 6..64 of letters, digits, - _ =: what Toss accepts as an orderId. */
bool toss_order_id_valid(struct span id);

#endif
