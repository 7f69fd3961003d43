/* pages.h: the few files with fixed addresses: the icon, robots.txt, and the picture of a shared
 * link. They are part of the program, except an operator's own picture. */
#ifndef FG_QUEUE_FRONT_PAGES_H
#define FG_QUEUE_FRONT_PAGES_H

#include "base/err.h"
#include "http/http.h"
#include "web/brand.h"

struct pages; /* made at start, then read-only, for all loops */

int pages_create(const struct brand_settings *brand, struct err_slot *err, struct pages **out);
void pages_destroy(struct pages *pages);

/* Handlers get their file as ctx. */
int pages_routes(struct pages *pages, struct http_router *routes, struct err_slot *err);

#endif
