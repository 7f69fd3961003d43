/* held.h: fetches a hold from the seat service with the buyer's own pass, and turns it into the
 * order's facts and into the purchase that the order fixes (sale/purchase.h). Fetches an event,
 * too. */
#ifndef FG_PAY_HELD_H
#define FG_PAY_HELD_H

#include "api/refusals.h"
#include "base/text.h"
#include "core/checkout/order.h"
#include "outcall/outcall.h"
#include "psp/seats_clock.h"
#include "psp/seats_map.h"

#include <jansson.h>

enum { HELD_JSON_MAX = 1024 + ORDER_SEATS_MAX * 1024 }; /* names in a line may be escaped */

/* True: more places than an order may have; held_read() must not be called. */
bool held_is_too_large(const json_t *hold);

/* Fills in the order's seats, price, expiry and terms, of which `refund` is a part. `json` gets the
 * purchase as a document, with a closing NUL: {version, digest, event, currency, lines, fees,
 * total, vat (if known), terms}, each line {place, standing (if so), category, price, count, fee,
 * vat_basis_points, vat (if known)}. The lines add up to the order's fees, VAT and total. False:
 * not a hold, or its sums do not agree. */
bool held_read(const json_t *hold, struct span refund, struct order *order,
               char json[HELD_JSON_MAX]);

enum { HELD_PASS_MAX = 2048 };

struct held_fetch {
    struct outcalls *outcalls;
    struct seats_map *map;
    /* Borrowed until on_done. `hold` NULL: the event itself, and `pass` is an operator's token. */
    const char *event, *hold, *pass, *trace;
    /* Called once; answer NULL: no known process has the event. */
    void (*on_done)(void *ctx, const struct outcall_answer *answer);
    void *ctx;
    bool again; /* it was requested from another process before */
};

/* The caller owns `fetch` and keeps it until on_done. */
void held_fetch_begin(struct held_fetch *fetch);
/* The refusal for an answer other than the hold. */
enum refusal held_fetch_refusal(const struct outcall_answer *answer);

#endif
