/* fees.h: what a buyer pays on top of the prices of seats, and how much of the whole is VAT. The
 * seat service computes both for a hold, and compares an order's fees with its own; payment-adapter
 * computes the VAT once more. */
#ifndef FG_SALE_FEES_H
#define FG_SALE_FEES_H

#include <stdint.h>

enum {
    FEES_MINOR_MAX = 1000000000, /* of one place, or of an order */
    FEES_BASIS_POINTS_MAX = 10000,
    FEES_VAT_MAX = 10000, /* basis points; no country asks for more than a third of it */
};

/* An event's; all of them are added up. Zeros: there are none. */
struct fees {
    uint64_t per_seat; /* minor units, of each place */
    uint64_t per_order;
    uint64_t basis_points; /* of the sum of the prices, rounded half up */
};

/* Of `places` at least one place, whose prices come to `total`. */
uint64_t fees_of(const struct fees *fees, uint64_t total, uint64_t places);
/* How much of `amount`, which includes it, is VAT at this rate; rounded half up. */
uint64_t fees_vat(uint64_t amount, uint64_t vat_basis_points);

#endif
