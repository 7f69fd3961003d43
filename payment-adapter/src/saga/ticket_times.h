/* ticket_times.h: how long payers wait for their tickets: from when a saga has seen the money to
 * when the buyer sees that the order is complete. */
#ifndef FG_PAY_TICKET_TIMES_H
#define FG_PAY_TICKET_TIMES_H

#include "core/saga/saga.h"
#include "observe/histogram.h"

enum {
    TICKET_TIMES_OPEN = 4096
}; /* paid orders in progress per loop; beyond that, the oldest go unmeasured */

/* One per loop, written only by that loop. Zeroed memory is a valid initial state. */
struct ticket_times {
    struct {
        uint64_t saga; /* 0: free */
        uint64_t paid_us;
    } open[TICKET_TIMES_OPEN]; /* hashed by the saga's number */
    struct histogram took;
    _Atomic uint64_t missed; /* paid, then undone or parked */
};

/* Called for each stored move of a saga, with the row after the move. */
void ticket_times_on_stored(struct ticket_times *times, const struct saga_row *row,
                            const struct saga_move *move, uint64_t now_us);

#endif
