/* fees.h: fees on top of the seats' prices, and the share of VAT. The seat service computes both
 * for a hold and compares an order's fees with its own; payment-adapter computes the VAT once
 * more. */
#ifndef FG_SALE_FEES_H
#define FG_SALE_FEES_H

#include <stdint.h>

enum {
    FEES_MINOR_MAX = 1000000000, /* per place, or per order */
    FEES_BASIS_POINTS_MAX = 10000,
    FEES_VAT_MAX = 10000, /* basis points; no country charges more than a third of it */
};

/* An event's fees, which are added up. Zeros: there are none. */
struct fees {
    uint64_t per_seat; /* minor units per place */
    uint64_t per_order;
    uint64_t basis_points; /* of the sum of the prices, rounded half up */
};

/* For `places` places (at least one) whose prices sum up to `total`. */
uint64_t fees_of(const struct fees *fees, uint64_t total, uint64_t places);
/* The VAT that `amount` includes at this rate; rounded half up. */
uint64_t fees_vat(uint64_t amount, uint64_t vat_basis_points);

#endif
