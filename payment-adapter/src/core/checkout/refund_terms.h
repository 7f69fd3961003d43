/* refund_terms.h: the terms on which an order may be refunded, as of when it was made. */
#ifndef FG_PAY_CORE_REFUND_TERMS_H
#define FG_PAY_CORE_REFUND_TERMS_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Who refunds an order; an order's terms list who may. */
#define ACTOR_BUYER    "buyer"
#define ACTOR_OPERATOR "operator"

struct refund_terms {
    bool by_buyer;
    bool handed_on;
    char until[32];    /* "": no deadline */
    uint64_t until_ms; /* 0: no deadline */
    unsigned percent;
};
/* ERR_NOMEM: may be retried. ERR_SYNTAX: there are no terms, or they are invalid. */
int refund_terms_parse(struct span json, struct refund_terms *out);

#endif
