/* refunding.h: begins a refund, of a whole order or of a part, in one transaction. */
#ifndef FG_PAY_REFUNDING_H
#define FG_PAY_REFUNDING_H

#include "store/statements.h"

/* Index of the answer's second result, which says why not in `code`; no row: no such order. */
enum { REFUNDING_RESULT = 1 };

void refunding_add_whole(struct pg_job *job, const struct sql_order_refund_args *args);
void refunding_add_part(struct pg_job *job, const struct sql_order_credit_args *args);

#endif
