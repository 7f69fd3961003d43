/* held.h: what is held and what it costs, as the seat service tells it, becomes what an order is
 * about and the purchase that it fixes (sale/purchase.h). */
#ifndef FG_PAY_HELD_H
#define FG_PAY_HELD_H

#include "base/text.h"
#include "core/checkout/order.h"

#include <jansson.h>

enum { HELD_JSON_MAX = 1024 + ORDER_SEATS_MAX * 640 }; /* names of a line may be escaped */

/* More places than an order has; then it is not for held_read(). */
bool held_is_too_large(const json_t *hold);

/* Fills what the order knows of its seats, price and time. `json` gets the purchase as a document,
 * with a closing NUL: {version, digest, event, currency, lines: [{place, category, price, count}],
 * fees, total, terms}. False: it is no hold, or its prices and its total do not add up. */
bool held_read(const json_t *hold, struct order *order, char json[HELD_JSON_MAX]);

#endif
