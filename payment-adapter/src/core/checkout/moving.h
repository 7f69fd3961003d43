/* moving.h: which sold seats an order exchanges or gives back, and who holds their tickets: the
 * part of the saga's data that only moves and credits have. */
#ifndef FG_PAY_CORE_MOVING_H
#define FG_PAY_CORE_MOVING_H

#include "core/checkout/order.h"
#include "core/checkout/ticket.h"

/* That an operator names. The credit of a cancelled event may give back nearly a whole order. */
enum { MOVING_SEATS_MAX = 32 };

struct moving_seat {
    char from[ORDER_SEAT_MAX], to[ORDER_SEAT_MAX]; /* to: "" if it is given back */
    char ticket[TICKET_ID_MAX];                    /* for `from`, valid when the move began */
    char member[ORDER_MEMBER_MAX];                 /* its holder then; no transfers meanwhile */
    char lang[4];
};

struct moving {
    uint32_t number; /* of the order's moves, from 1 */
    uint32_t kept;   /* for a credit: places that the order keeps; 0: a move */
    bool standing;   /* for a credit: these are places of an area */
    uint32_t len;    /* in a credit it may be 0 */
    struct moving_seat seats[ORDER_SEATS_MAX];
};

/* From a saga's data. ERR_NOMEM: may be retried. ERR_SYNTAX: unreadable. */
int moving_parse(struct span json, struct moving *out);

#endif
