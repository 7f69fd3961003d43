/* making.h: how a request for an order is answered: whether the order exists already, what is held,
 * whether another request was faster, and how long to wait for the payment. Pure: the shell does
 * what the state says and reports the result. A request ends without a report where there is
 * nothing to report, for example when a hold has expired. */
#ifndef FG_PAY_CORE_MAKING_H
#define FG_PAY_CORE_MAKING_H

#include <stdbool.h>
#include <stdint.h>

enum making_state {
    MAKING_BEGUN,
    MAKING_LOOKS,  /* looks for an order with this key or, without a key, of this hold */
    MAKING_ASKS,   /* asks the seat service what is held */
    MAKING_STORES, /* stores an order of the held seats, and its saga */
    MAKING_WAITS,  /* waits up to pause_ms for the order's payment */
    MAKING_READS,  /* reads that order */
    MAKING_DONE,   /* answers */
    MAKING_STATES,
};

enum making_input {
    MAKING_REQUEST,
    MAKING_FOUND,
    MAKING_HELD,
    MAKING_STORED,
    MAKING_WAITED,
    MAKING_READ,
    MAKING_INPUTS,
};

struct making_event {
    enum making_input input;
    uint32_t wait_ms; /* MAKING_REQUEST: for the payment, in total */
    bool is_there;    /* MAKING_FOUND: the order exists, and: */
    bool is_ours, has_key, says_same;
    bool is_new;    /* MAKING_STORED: stored by this request; false: another was faster */
    bool has_room;  /* MAKING_WAITED: there is room to wait */
    bool is_unpaid; /* MAKING_READ: payable, and without a payment so far */
};

enum making_answer {
    MAKING_MADE,
    MAKING_MADE_BEFORE,
    MAKING_NOT_OURS,   /* the hold is another member's */
    MAKING_KEY_REUSED, /* used by another request */
    MAKING_NOT_NOW,
};

struct making {
    enum making_state state;
    unsigned tries;
    uint32_t pause_ms, left_ms;
    enum making_answer answer; /* MAKING_DONE */
};

enum making_state making_step(struct making *making, const struct making_event *event);

#endif
