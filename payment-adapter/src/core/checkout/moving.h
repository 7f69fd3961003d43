/* moving.h: which sold seats an order exchanges for which, or gives back, and whose tickets they
 * are: the part of the saga's data that only moves and credits have. */
#ifndef FG_PAY_CORE_MOVING_H
#define FG_PAY_CORE_MOVING_H

#include "core/checkout/order.h"
#include "core/checkout/ticket.h"

enum { MOVING_SEATS_MAX = 32 }; /* fits into SAGA_DATA_MAX beside the order */

struct moving_seat {
    char from[ORDER_SEAT_MAX], to[ORDER_SEAT_MAX]; /* to: "" if it is given back */
    char ticket[TICKET_ID_MAX];                    /* for `from`, valid when the move began */
    char member[ORDER_MEMBER_MAX]; /* its owner then; it cannot be handed on meanwhile */
    char lang[4];
};

struct moving {
    uint32_t number; /* of the order's moves, from 1 */
    uint32_t kept;   /* of a credit: places that the order has left; 0: it is a move */
    uint32_t len;    /* in a credit it may be 0 */
    struct moving_seat seats[MOVING_SEATS_MAX];
};

/* From a saga's data. ERR_NOMEM: it may be read another time. ERR_SYNTAX: nobody can read it. */
int moving_parse(struct span json, struct err_slot *err, struct moving *out);

#endif
