/* words.h: words that statements return or write and that C acts on. sql/statements/names.sql lists
 * them for SQL, and a unit test compares the two. */
#ifndef FG_PAY_WORDS_H
#define FG_PAY_WORDS_H

/* Why an order is not refunded. */
#define REFUSAL_NOT_REFUNDABLE "not-refundable"
#define REFUSAL_BY_OPERATOR    "refund-by-operator"
#define REFUSAL_TOO_LATE       "refund-too-late"
#define REFUSAL_HANDED_ON      "tickets-handed-on"

/* Why seats are not moved. */
#define REFUSAL_NOT_COMPLETED     "not-completed"
#define REFUSAL_SEAT_NOT_IN_ORDER "seat-not-in-order"
#define REFUSAL_TICKET_USED       "ticket-used"
#define REFUSAL_SEATS_TAKEN       "seats-taken"

#endif
