/* statements.h: every statement that the service sends to its own database: for each a struct for
 * its arguments, one for its row, and functions that send it and read its answer. The build
 * generates them from payment-adapter/sql/statements/, whose README explains how those files are
 * written. */
#ifndef FG_PAY_STATEMENTS_H
#define FG_PAY_STATEMENTS_H

#include "payment-adapter/sql/statements.h.inc"

/* For pg_pool_conf: each is prepared once on each connection. */
extern const struct pg_statement statements[SQL_STATEMENTS];

/* Run on each new connection. */
extern const char statements_setup[];

/* Column `box` of pay.outbox: messages to the shop, or mails. */
enum outbox_box { OUTBOX_SHOP, OUTBOX_MAIL };

#endif
