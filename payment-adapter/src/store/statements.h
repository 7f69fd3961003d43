/* statements.h: every SQL statement that the service sends to its own database, by number. The text
 * is in statements.c, prepared once on each connection. */
#ifndef FG_PAY_STATEMENTS_H
#define FG_PAY_STATEMENTS_H

#include "payment-adapter/sql/statements.h.inc"

enum statement_in_c {
    /* orders */
    SQL_ORDER_CREATE = SQL_STATEMENTS,
    SQL_ORDER_BY_IDEM,
    SQL_ORDER_READ,
    SQL_ORDERS_CHANGED,
    SQL_ORDER_TIMELINE,
    SQL_ORDER_CANCEL,
    SQL_ORDER_LOCK,
    SQL_ORDER_REFUND,
    SQL_ORDER_REFUND_SHOP,
    SQL_ORDER_REFUND_MAIL,
    SQL_ORDER_MOVE,
    SQL_TERMS_READ,
    SQL_TERMS_SET,
    SQL_ORDER_TICKETS,
    SQL_ORDER_WAKE,
    SQL_ORDER_PAYMENT_KEY,
    /* tickets */
    SQL_TICKET_READ,
    SQL_TICKET_LOCK,
    SQL_TICKET_OFFER,
    SQL_TICKET_ACCEPT,
    SQL_TICKET_REVOKED,
    SQL_CHECKIN,
    SQL_CHECKIN_WHY,
    SQL_CHECKIN_CONFLICT,
    SQL_CHECKOUT,
    SQL_CHECKIN_UNDO,
    /* scanners and the record of doors */
    SQL_SCANNER_FIND,
    SQL_SCANNER_CREATE,
    SQL_SCANNER_LIST,
    SQL_SCANNER_REVOKE,
    SQL_DOOR_COUNTS,
    SQL_DOOR_CONFLICTS,
    SQL_AUDIT_LIST,
    /* sessions and throttles */
    SQL_SESSION_CREATE,
    SQL_SESSION_READ,
    SQL_SESSION_REVOKE,
    SQL_SESSION_SWEEP,
    SQL_THROTTLE_READ,
    SQL_THROTTLE_FAIL,
    SQL_THROTTLE_CLEAR,
    /* webhooks */
    SQL_WEBHOOK_EVENTS,
    SQL_TOKEN_USE,
    /* outboxes */
    SQL_PACE_USERS,
    SQL_SHOP_TAKE,
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
