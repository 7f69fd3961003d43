/* prices.h: the prices of seats for everybody who waits: an operator's knob, with all compulsory
 * fees included. A sold-out category stays in the list and is marked as gone, so the next shared
 * status announces it. */
#ifndef FG_QUEUE_FRONT_CORE_PRICES_H
#define FG_QUEUE_FRONT_CORE_PRICES_H

#include "base/json_in.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PRICES_MAX = 16, /* categories; a hall has about five, and everybody receives each */
    PRICE_NAME_MAX = 80,
    PRICE_MAX = 1000 * 1000 * 1000, /* minor units */
    PRICE_CURRENCY_LEN = 3,
};

struct price {
    char name[PRICE_NAME_MAX + 1];
    uint32_t amount; /* minor units */
    bool gone;
};

struct prices {
    char currency[PRICE_CURRENCY_LEN + 1];
    uint32_t len; /* 0: no prices shown */
    struct price price[PRICES_MAX];
};

/* {"currency": "KRW", "categories": {"R": {"price": 143000, "gone": false}, ...}}: keyed by name,
 * so that a merge patch can mark one as gone. */
void prices_read(struct json_in *in, const char *name, struct prices *out);
void prices_put(struct text *out, const struct prices *prices); /* the same form */

/* {"currency", "from", "to", "categories": [{"name", "price", "gone"}, ...]}, in the operator's
 * order. `from` and `to` cover the remaining categories; null if there are none. */
void prices_show(struct text *out, const struct prices *prices);

#endif
