/* statements.h: every statement that the service sends to its own database: for each a struct of
 * its arguments, one of its row, and functions that send it and read its answer. The build makes
 * them of payment-adapter/sql/statements/, whose README tells how those files are written. */
#ifndef FG_PAY_STATEMENTS_H
#define FG_PAY_STATEMENTS_H

#include "payment-adapter/sql/statements.h.inc"

/* For pg_pool_conf: each is prepared once on each connection. */
extern const struct pg_statement statements[SQL_STATEMENTS];

/* Run on each new connection; the second on those of the saga engine. */
extern const char statements_setup[];
extern const char statements_setup_engine[];

#endif
