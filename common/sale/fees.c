/* fees.c: integers only, so that every service comes to the same minor unit. */
#include "sale/fees.h"

#include <assert.h>

enum { WHOLE = 10000 }; /* in basis points */

/* amount * of / whole, rounded half up; divided first, so that no product wraps around. */
static uint64_t share(uint64_t amount, uint64_t of, uint64_t whole)
{
    assert(of <= whole);
    uint64_t rest = (amount % whole * of + whole / 2) / whole;
    return amount / whole * of + rest;
}

uint64_t fees_of(const struct fees *fees, uint64_t total, uint64_t places)
{
    assert(places > 0);
    assert(fees->per_seat <= FEES_MINOR_MAX);
    assert(fees->per_order <= FEES_MINOR_MAX);
    assert(fees->basis_points <= FEES_BASIS_POINTS_MAX);
    return fees->per_order + fees->per_seat * places + share(total, fees->basis_points, WHOLE);
}

uint64_t fees_vat(uint64_t amount, uint64_t vat_basis_points)
{
    assert(vat_basis_points <= FEES_VAT_MAX);
    return share(amount, vat_basis_points, WHOLE + vat_basis_points);
}
