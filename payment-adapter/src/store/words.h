/* words.h: words that statements return or write and on which C acts. sql/statements/names.sql
 * lists them for SQL, and a unit test compares the two. */
#ifndef FG_PAY_WORDS_H
#define FG_PAY_WORDS_H

/* Why an order is not refunded. */
#define WHY_NOT_REFUNDABLE  "not-refundable"
#define WHY_BY_OPERATOR     "refund-by-operator"
#define WHY_TOO_LATE        "refund-too-late"
#define WHY_HANDED_ON       "tickets-handed-on"
#define WHY_ACCEPTED        "difference-accepted"
#define WHY_EVENT_CANCELLED "event-cancelled"

/* Why a part of an order is not refunded. */
#define WHY_REFUNDED_BEFORE "refunded-before"
#define WHY_WHOLE_ORDER     "whole-order"
#define WHY_PRICE_UNKNOWN   "price-unknown"
#define WHY_REFUND_LARGE    "refund-too-large"
#define WHY_CREDITS_FULL    "too-many-refunds"

/* Why seats are not moved. */
#define WHY_NOT_COMPLETED     "not-completed"
#define WHY_SEAT_NOT_IN_ORDER "seat-not-in-order"
#define WHY_TICKET_USED       "ticket-used"
#define WHY_SEATS_TAKEN       "seats-taken"

/* Column `box` of pay.outbox: messages to the shop, or mails. */
enum outbox_box { OUTBOX_SHOP, OUTBOX_MAIL };

#endif
