/* moving.h: which sold seats an order changes for which, and whose tickets those are: the part of a
 * move's data that other sagas don't have. */
#ifndef FG_PAY_CORE_MOVING_H
#define FG_PAY_CORE_MOVING_H

#include "core/checkout/order.h"
#include "core/checkout/ticket.h"

enum { MOVING_SEATS_MAX = 32 }; /* their facts fit into SAGA_DATA_MAX beside the order's */

struct moving_seat {
    char from[ORDER_SEAT_MAX], to[ORDER_SEAT_MAX];
    char ticket[TICKET_ID_MAX];    /* for `from`, good when the move began */
    char member[ORDER_MEMBER_MAX]; /* its owner then: it is not handed on meanwhile */
    char lang[4];
};

struct moving {
    uint32_t number; /* of the order's moves, from 1 */
    uint32_t len;
    struct moving_seat seats[MOVING_SEATS_MAX];
};

/* From a saga's data. */
int moving_parse(struct span json, struct err_slot *err, struct moving *out);

#endif
