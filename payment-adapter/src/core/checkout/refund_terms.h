/* refund_terms.h: on what terms an order is given back, as it has kept them since it was made. */
#ifndef FG_PAY_CORE_REFUND_TERMS_H
#define FG_PAY_CORE_REFUND_TERMS_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Who gives an order back, and to whom its terms grant it. */
#define ACTOR_BUYER    "buyer"
#define ACTOR_OPERATOR "operator"

struct refund_terms {
    bool by_buyer;
    bool handed_on;
    char until[32];    /* "": without end */
    uint64_t until_ms; /* 0: without end */
    unsigned percent;
};
bool refund_terms_parse(struct span json, struct refund_terms *out);

#endif
