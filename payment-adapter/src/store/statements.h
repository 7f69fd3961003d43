/* statements.h: every SQL statement that the service sends to its own database, by number. The text
 * is in statements.c, prepared once on each connection. */
#ifndef FG_PAY_STATEMENTS_H
#define FG_PAY_STATEMENTS_H

#include "payment-adapter/sql/statements.h.inc"

enum statement_in_c {
    /* outboxes */
    SQL_SHOP_TAKE = SQL_STATEMENTS,
    SQL_SHOP_PAUSE,
    SQL_SHOP_DONE,
    SQL_SHOP_LATER,
    SQL_SHOP_PARKED,
    SQL_SHOP_RETRY,
    SQL_MAIL_TAKE,
    SQL_MAIL_DONE,
    SQL_MAIL_LATER,
    SQL_LAGS,
    /* the operator */
    SQL_SAGA_LIST,
    SQL_SAGA_READ,
    SQL_SAGA_STEPS,
    SQL_SAGA_RETRY,
    SQL_SAGA_COMPENSATE,
    /* counts over time */
    SQL_COUNT_SAGAS,
    SQL_COUNT_OURS,
    SQL_COUNT_THIN,
    SQL_COUNTED,
    /* reconciliation */
    SQL_RECONCILE_CURSOR,
    SQL_RECONCILE_EVENTS,
    SQL_RECONCILE_GAP,
    SQL_RECONCILE_FOREIGN,
    SQL_RECONCILE_SHOP,
    SQL_RECONCILE_DRIFT,
    SQL_RECONCILE_SEATS,
    SQL_RECONCILE_EVENTS_SOLD,
    SQL_ALL,
};

extern const struct pg_statement statements[SQL_ALL];

/* Run on each new connection; the second on those of the saga engine. */
extern const char statements_setup[];
extern const char statements_setup_engine[];

#endif
