/* order_view.h: an order as shown to its buyer, from the database's row. */
#ifndef FG_PAY_ORDER_VIEW_H
#define FG_PAY_ORDER_VIEW_H

#include "core/checkout/checkout.h"
#include "core/checkout/refund_terms.h"
#include "core/checkout/seat_names.h"
#include "pay_loop.h"
#include "store/statements.h"
#include "web/site.h"

/* {"order":...,"status":...,"payment":{...},...}, without the closing brace, so that a timeline can
 * follow. Its message is in row->lang. ERR_NOMEM: it is incomplete. */
int order_row_put(struct text *text, const struct sql_order_row *row, const struct site *site);
/* The sum that a refund returns, or returned. */
uint64_t order_row_refund(const struct sql_order_row *row, const struct refund_terms *terms);
/* Adds "timeline":[...] from the rows of order_timeline. */
void order_timeline_put(struct text *text, const PGresult *res, const struct checkout *checkout);
/* The sentence for the buyer, in the language of `words`. */
struct span order_message(const struct sql_order_row *row, const struct phrases *words);
/* Whether the buyer can still pay, or work is in progress. */
bool order_is_moving(enum order_status status);

enum {
    ORDER_ROW_MAX =
        SEAT_NAMES_JSON_MAX + ORDER_SEATS_MAX * (ORDER_SEAT_MAX + 3) + SHOW_JSON_MAX + 16 * 1024,
    ORDER_VIEW_MAX = ORDER_ROW_MAX + 112 * 1024,
};

#endif
