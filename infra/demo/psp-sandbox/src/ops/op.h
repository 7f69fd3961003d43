/* op.h: every call that the sandbox answers, as a table: route, name for faults, and what runs. */
#ifndef FG_PSP_SANDBOX_OP_H
#define FG_PSP_SANDBOX_OP_H

#include "bank/bank.h"

enum op_method { OP_GET, OP_POST, OP_INTERNAL };

enum op_flavour {
    OP_STRIPE, /* bearer key, form bodies, Stripe's errors */
    OP_TOSS,   /* basic auth, JSON bodies, Toss's errors */
};

/* The pages, the timer and the control API call ops without a route: no key, forms made here. */
struct op {
    const char *route; /* pattern of the router; NULL: not reachable by HTTP as it is */
    const char *name;  /* what a fault calls it */
    enum op_method
        method; /* any but OP_GET may change the bank: keys count, the journal takes it */
    enum op_flavour flavour;
    void (*run)(struct desk_call *at);
    enum kind kind; /* what stripe_get and stripe_list read */
};

extern const struct op ops[];
extern const unsigned ops_len;

/* The op that this function runs, for ops without a route. */
const struct op *op_running(void (*run)(struct desk_call *at));

/* The journal stores this number, so the table only ever grows at its end. */
unsigned op_number(const struct op *op);

#endif
