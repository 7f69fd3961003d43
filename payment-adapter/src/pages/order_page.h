/* order_page.h: the page of one order, web/order.html, as its buyer sees it. */
#ifndef FG_PAY_ORDER_PAGE_H
#define FG_PAY_ORDER_PAGE_H

#include "api/order_view.h"
#include "web/filled_page.h"

int order_page_create(const struct site *site, struct err_slot *err, struct filled_page **out);
enum { ORDER_PAGE_KEY_MAX = 48 };

/* The phrase that says why a form was refused; empty if none was. The order's money may have moved,
 * so for a code without a phrase it promises nothing. */
struct span order_page_notice(const struct phrases *words, struct span refused,
                              char key[ORDER_PAGE_KEY_MAX]);
/* `now_ms`: by the clock of the seats, as the order's times. `support`: where buyers get help; "":
 * nowhere. `refused`: the code of a refused form, or absent. ERR_NOMEM: nothing was written. */
int order_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                   enum lang lang, const struct sql_order_row *row, uint64_t now_ms,
                   const char *support, struct span refused);

#endif
