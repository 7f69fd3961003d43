/* waiting_page.h: what visitors see: the waiting page, the files that it loads, and a page for
 * events that do not exist. Except for the operator's brand, all of it is part of the program. */
#ifndef FG_QUEUE_FRONT_WAITING_PAGE_H
#define FG_QUEUE_FRONT_WAITING_PAGE_H

#include "http/http.h"
#include "web/brand.h"

struct waiting_page; /* made at start, then only read, by all loops */

/* `brand` is borrowed for as long as the page lives. */
int waiting_page_create(const struct brand_settings *brand, struct err_slot *err,
                        struct waiting_page **out);
void waiting_page_destroy(struct waiting_page *pages);

/* Handlers get the page as their ctx. */
int waiting_page_routes(struct waiting_page *pages, struct http_router *routes,
                        struct err_slot *err);

#endif
