/* orders_page.h: all orders of a member, web/orders.html, and those of which they hold or are
 * offered a ticket. */
#ifndef FG_PAY_ORDERS_PAGE_H
#define FG_PAY_ORDERS_PAGE_H

#include "store/statements.h"
#include "web/filled_page.h"

struct orders_view {
    const PGresult *rows; /* of orders_mine; NULL: none */
    const char *member;
    const char *support; /* where buyers get help; "": nowhere */
};

int orders_page_create(const struct site *site, struct err_slot *err, struct filled_page **out);
void orders_page_put(struct text *out, const struct filled_page *page, const struct site *site,
                     enum lang lang, const struct orders_view *view);

#endif
