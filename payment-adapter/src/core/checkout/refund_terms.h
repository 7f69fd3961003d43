/* refund_terms.h: the terms on which an order may be refunded, as they were when it was made. */
#ifndef FG_PAY_CORE_REFUND_TERMS_H
#define FG_PAY_CORE_REFUND_TERMS_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Who refunds an order, and whom its terms allow to. */
#define ACTOR_BUYER    "buyer"
#define ACTOR_OPERATOR "operator"

struct refund_terms {
    bool by_buyer;
    bool handed_on;
    char until[32];    /* "": without end */
    uint64_t until_ms; /* 0: without end */
    unsigned percent;
};
/* ERR_NOMEM: they may be read another time. ERR_SYNTAX: there are none, or nobody can read them. */
int refund_terms_parse(struct span json, struct refund_terms *out);

#endif
