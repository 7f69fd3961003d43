/* held.h: asks the seat service for a hold, with the buyer's own pass, and turns its description
 * into the order's facts and into the purchase that the order fixes (sale/purchase.h). */
#ifndef FG_PAY_HELD_H
#define FG_PAY_HELD_H

#include "api/refusals.h"
#include "base/text.h"
#include "core/checkout/order.h"
#include "outcall/outcall.h"
#include "psp/seats_clock.h"
#include "psp/seats_map.h"

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

enum { HELD_PASS_MAX = 2048 };

struct held_fetch {
    struct outcalls *outcalls;
    struct seats_map *map;
    struct seats_clock *clock;
    /* Borrowed until on_done. */
    const char *event, *hold, *pass, *trace;
    /* Called once; NULL: nobody knows which process has the event. */
    void (*on_done)(void *ctx, const struct outcall_answer *answer);
    void *ctx;
    bool again; /* it was asked for elsewhere before */
};

/* `fetch` stays the caller's, until on_done. */
void held_fetch_begin(struct held_fetch *fetch);
/* What an answer says that is not the hold. */
enum refusal held_fetch_refusal(const struct outcall_answer *answer);

#endif
