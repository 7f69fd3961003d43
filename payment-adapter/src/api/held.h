/* held.h: turns the seat service's description of a hold into the order's facts and into the
 * purchase that the order fixes (sale/purchase.h). */
#ifndef FG_PAY_HELD_H
#define FG_PAY_HELD_H

#include "base/text.h"
#include "core/checkout/order.h"

#include <jansson.h>

enum { HELD_JSON_MAX = 1024 + ORDER_SEATS_MAX * 672 }; /* names of a line may be escaped */

/* More places than an order may have; then do not call held_read(). */
bool held_is_too_large(const json_t *hold);

/* Fills in the order's seats, price and expiry. `json` gets the purchase as a document, with a
 * closing NUL: {version, digest, event, currency, lines, fees, total, vat (if told), terms}, each
 * line {place, standing (if so), category, price, count, fee, vat_basis_points, vat (if told)}. The
 * lines add up to the order's fees, VAT and total. False: it is not a hold, or its sums do not
 * agree. */
bool held_read(const json_t *hold, struct order *order, char json[HELD_JSON_MAX]);

#endif
