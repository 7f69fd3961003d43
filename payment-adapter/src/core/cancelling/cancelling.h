/* cancelling.h: how a process gives back the orders of events that do not take place: a page of
 * them a second, and all pages again until nothing is left. Pure: the shell does what the state
 * says and reports the result. */
#ifndef FG_PAY_CORE_CANCELLING_H
#define FG_PAY_CORE_CANCELLING_H

#include <stdbool.h>
#include <stdint.h>

/* A page may be begun twice, so the lease need not outlast a slow one: it is what a kill costs. */
enum { CANCELLING_TICK_MS = 100, CANCELLING_LEASE_MS = 5000 };

enum cancelling_state {
    CANCELLING_RESTS,
    CANCELLING_TAKES,  /* an event and a page of its orders, for CANCELLING_LEASE_MS */
    CANCELLING_BEGINS, /* with each order of the page what order_off() says */
    CANCELLING_PASSES, /* writes that the page is done, and when the next is due */
    CANCELLING_STATES,
};

enum cancelling_input {
    CANCELLING_TICK, /* each CANCELLING_TICK_MS while it rests */
    CANCELLING_TAKEN,
    CANCELLING_BEGUN, /* an order of the page: done, refused, failed, or nothing was to be done */
    CANCELLING_PASSED,
    CANCELLING_INPUTS,
};

struct cancelling_event {
    enum cancelling_input input;
    uint64_t now_ms; /* of a clock that never goes back, and is not 0 */
    /* CANCELLING_TAKEN: so many refunds may begin now, of so many orders on the page; 0, 0: no
     * event is due, or that is not known. */
    uint64_t most, orders;
};

struct cancelling {
    enum cancelling_state state;
    uint64_t look_at_ms; /* the next page, at the earliest */
    uint64_t open;       /* orders of the page that are not begun yet */
    bool last;           /* the page is the last of its pass */
    uint32_t pause_ms;   /* CANCELLING_PASSES: until the next page is due to any process */
};

enum cancelling_state cancelling_step(struct cancelling *cancelling,
                                      const struct cancelling_event *event);

#endif
