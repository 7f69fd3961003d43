/* waiting_page.h: the visitors' pages: the waiting page, the files that it loads, and a page for
 * unknown events. Except for the operator's brand, all of it is part of the program. */
#ifndef FG_QUEUE_FRONT_WAITING_PAGE_H
#define FG_QUEUE_FRONT_WAITING_PAGE_H

#include "http/http.h"
#include "web/brand.h"

struct waiting_page; /* made at start, then read-only, for all loops */

/* `brand` is borrowed for the page's life. */
int waiting_page_create(const struct brand_settings *brand, struct err_slot *err,
                        struct waiting_page **out);
void waiting_page_destroy(struct waiting_page *pages);

/* Handlers get the page as their ctx. */
int waiting_page_routes(struct waiting_page *pages, struct http_router *routes,
                        struct err_slot *err);

#endif
