/* checkout_page.h: the checkout for browsers without a script: /pay/checkout/{event}/{hold}, and
 * /pay/login/{orders|tickets}/{id} or /pay/login/orders for a page that asks for a login first. */
#ifndef FG_PAY_CHECKOUT_PAGE_H
#define FG_PAY_CHECKOUT_PAGE_H

#include "web/filled_page.h"

struct checkout_page {
    const struct site *site; /* borrowed */
    struct filled_page *page;
};

int checkout_page_create(const struct site *site, struct err_slot *err, struct checkout_page *out);
int checkout_page_routes(struct checkout_page *page, struct http_router *routes,
                         struct err_slot *err);

#endif
