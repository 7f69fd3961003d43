/* cancelling.h: how a process refunds the orders of cancelled events: a page of orders per second,
 * and all pages again until nothing is left. Pure: the shell does what the state says and reports
 * the result. */
#ifndef FG_PAY_CORE_CANCELLING_H
#define FG_PAY_CORE_CANCELLING_H

#include <stdbool.h>
#include <stdint.h>

/* A page may be begun twice, so the lease need not outlast a slow page. It is what a kill costs. */
enum { CANCELLING_TICK_MS = 100, CANCELLING_LEASE_MS = 5000 };

enum cancelling_state {
    CANCELLING_RESTS,
    CANCELLING_TAKES,  /* leases an event and a page of its orders for CANCELLING_LEASE_MS */
    CANCELLING_BEGINS, /* does to each order of the page what order_off() says */
    CANCELLING_PASSES, /* stores that the page is done, and when the next is due */
    CANCELLING_STATES,
};

enum cancelling_input {
    CANCELLING_TICK, /* every CANCELLING_TICK_MS while it rests */
    CANCELLING_TAKEN,
    CANCELLING_BEGUN, /* an order of the page: done, refused, failed, or nothing to do */
    CANCELLING_PASSED,
    CANCELLING_INPUTS,
};

struct cancelling_event {
    enum cancelling_input input;
    uint64_t now_ms; /* a monotonic clock, never 0 */
    /* CANCELLING_TAKEN: how many refunds may begin now, and how many orders are on the page. 0, 0:
     * no event is due, or that is unknown. */
    uint64_t most, orders;
};

struct cancelling {
    enum cancelling_state state;
    uint64_t look_at_ms; /* when to take the next page, at the earliest */
    uint64_t open;       /* orders of the page still to begin */
    bool last;           /* the page is the last of its pass */
    uint32_t pause_ms;   /* CANCELLING_PASSES: until any process may take the next page */
};

enum cancelling_state cancelling_step(struct cancelling *cancelling,
                                      const struct cancelling_event *event);

#endif
