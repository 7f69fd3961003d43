/* purchase.h: a purchase in one form for all services: places with their prices, fees, the total,
 * and other terms. It is fixed when an order is made; its digest is bound to the hold, compared
 * when the seats are sold, signed into the tickets and sent to the shop. A service that sees
 * another digest than the order's stops. */
#ifndef FG_SALE_PURCHASE_H
#define FG_SALE_PURCHASE_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PURCHASE_VERSION = 1,       /* of the form; part of the digest */
    PURCHASE_LINES_MAX = 128,   /* a hold has 64 seats, an order 100 */
    PURCHASE_DIGEST_BYTES = 32, /* BLAKE2b-256 */
    PURCHASE_DIGEST_CHARS = 43, /* the same in base64url */
    PURCHASE_TERMS_MAX = 256,
};

/* Places of one name at one price: a seat, or a number of places in an area. */
struct purchase_line {
    struct span place;    /* id of the seat or area */
    struct span category; /* its name */
    uint64_t price;       /* of each, minor units */
    uint32_t count;
};

struct purchase {
    struct span event;
    struct span currency;
    const struct purchase_line *lines; /* in any order; borrowed */
    uint32_t lines_len;
    uint64_t fees;     /* on top of the prices */
    uint64_t total;    /* prices and fees: the amount to pay */
    struct span terms; /* other terms, as the seller writes them; at most PURCHASE_TERMS_MAX */
};

void purchase_digest(const struct purchase *purchase, uint8_t out[PURCHASE_DIGEST_BYTES]);
/* With a closing NUL. */
void purchase_digest_text(const uint8_t digest[PURCHASE_DIGEST_BYTES],
                          char out[PURCHASE_DIGEST_CHARS + 1]);
bool purchase_digest_parse(struct span text, uint8_t out[PURCHASE_DIGEST_BYTES]);

/* No digest is all zeros: that means "none". */
bool purchase_digest_is_none(const uint8_t digest[PURCHASE_DIGEST_BYTES]);

#endif
