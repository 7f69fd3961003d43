/* currency.h: amounts as people read them. They are stored in minor units, whose number of digits
 * is that of ISO 4217. web/money.js has the same table for pages. */
#ifndef FG_SALE_CURRENCY_H
#define FG_SALE_CURRENCY_H

#include "base/text.h"

/* "143,000", "45.50" or "1,234.567". */
void currency_put(struct text *out, struct span currency, uint64_t minor);

#endif
