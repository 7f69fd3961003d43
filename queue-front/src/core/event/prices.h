/* prices.h: what seats cost, told to everybody who waits: an operator's knob, with all compulsory
 * fees included. A category that is sold out stays in the list and is marked as gone, so everybody
 * learns it from the next shared status. */
#ifndef FG_QUEUE_FRONT_CORE_PRICES_H
#define FG_QUEUE_FRONT_CORE_PRICES_H

#include "base/json_in.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PRICES_MAX = 16, /* categories; a hall has some five, and each is sent to everybody */
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
    uint32_t len; /* 0: no prices are shown */
    struct price price[PRICES_MAX];
};

/* {"currency": "KRW", "categories": {"R": {"price": 143000, "gone": false}, ...}}: by name, so that
 * a merge patch can say of one that it is gone. */
void prices_read(struct json_in *in, const char *name, struct prices *out);
void prices_put(struct text *out, const struct prices *prices); /* likewise */

/* {"currency", "from", "to", "categories": [{"name", "price", "gone"}, ...]}, in the operator's
 * order. `from` and `to` cover what is left; null if nothing is. */
void prices_tell(struct text *out, const struct prices *prices);

/* "143,000" or "45.50", as the currency has it. */
void prices_put_amount(struct text *out, const char *currency, uint32_t amount);

#endif
