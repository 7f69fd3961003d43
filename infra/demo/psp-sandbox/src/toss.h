/* toss.h: the routes of the Toss Payments subset, and errors in Toss's form. */
#ifndef FG_PSP_SANDBOX_TOSS_H
#define FG_PSP_SANDBOX_TOSS_H

#include "bank.h"

bool toss_confirm(struct call *call);
bool toss_get(struct call *call);
bool toss_get_order(struct call *call);
bool toss_cancel(struct call *call);
bool toss_list(struct call *call);

/* The buyer has paid into the virtual account: orderId. */
bool toss_deposit(struct call *call);

/* From the payment window: the buyer has agreed with this card. Answers the payment. */
bool toss_hosted(struct call *call);

/* 6..64 of letters, digits, - _ =: what Toss accepts as an orderId. */
bool toss_order_id_valid(struct span id);

/* {"code", "message"}: the body without a call. */
void toss_error_put(struct text *out, const char *code, const char *message);

#endif
