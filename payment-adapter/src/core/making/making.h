/* making.h: how one request for an order comes to its answer: whether the order is there already,
 * what is held, whether somebody was faster, and how long its payment is awaited. Pure: the shell
 * does what the state says and reports the result. It ends a request by itself where there is
 * nothing to report, such as for a hold that has expired. */
#ifndef FG_PAY_CORE_MAKING_H
#define FG_PAY_CORE_MAKING_H

#include <stdbool.h>
#include <stdint.h>

enum making_state {
    MAKING_BEGUN,
    MAKING_LOOKS,  /* for an order of this key or, without one, of this hold */
    MAKING_ASKS,   /* the seat service what is held */
    MAKING_STORES, /* an order of that, and its saga */
    MAKING_WAITS,  /* pause_ms for its payment, at most */
    MAKING_READS,  /* that order */
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
    uint32_t wait_ms; /* MAKING_REQUEST: for the payment, all in all */
    bool is_there;    /* MAKING_FOUND: an order is, and: */
    bool is_ours, has_key, says_same;
    bool is_new;    /* MAKING_STORED: it is stored; else another request was faster */
    bool has_room;  /* MAKING_WAITED: to wait */
    bool is_unpaid; /* MAKING_READ: it can be paid, and has no payment yet */
};

enum making_answer {
    MAKING_MADE,
    MAKING_MADE_BEFORE,
    MAKING_NOT_OURS,   /* the hold is another member's */
    MAKING_KEY_REUSED, /* for another request */
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
