/* order_page.h: the page of one order, web/order.html, as its buyer sees it. */
#ifndef FG_PAY_ORDER_PAGE_H
#define FG_PAY_ORDER_PAGE_H

#include "api/order_view.h"
#include "web/filled_page.h"

int order_page_create(const struct site *site, struct err_slot *err, struct filled_page **out);
/* `support`: where buyers get help; "": nowhere. `refused`: the code of a refused form, or not
 * there. ERR_NOMEM: nothing was put. */
int order_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                   enum lang lang, const struct sql_order_row *row, const char *support,
                   struct span refused, uint64_t now_ms);

#endif
