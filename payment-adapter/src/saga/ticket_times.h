/* ticket_times.h: how long payers wait for their tickets. It begins when a saga has seen the
 * money, and ends when the buyer sees that the order is complete. */
#ifndef FG_PAY_TICKET_TIMES_H
#define FG_PAY_TICKET_TIMES_H

#include "core/saga/saga.h"
#include "observe/histogram.h"

enum {
    TICKET_TIMES_OPEN = 4096
}; /* paid orders under way on a loop; of more, the oldest go unmeasured */

/* Of one loop, which alone writes it. All zero is a new one. */
struct ticket_times {
    struct {
        uint64_t saga; /* 0: free */
        uint64_t paid_us;
    } open[TICKET_TIMES_OPEN]; /* by the saga's number */
    struct histogram took;
    _Atomic uint64_t missed; /* paid, then undone or parked */
};

/* With each move of a saga that was stored, and the row as it is then. */
void ticket_times_on_stored(struct ticket_times *times, const struct saga_row *row,
                            const struct saga_move *move, uint64_t now_us);

#endif
