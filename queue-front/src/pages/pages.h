/* pages.h: the few files whose addresses are fixed: the icon and what robots read. They are part of
 * the program. */
#ifndef FG_QUEUE_FRONT_PAGES_H
#define FG_QUEUE_FRONT_PAGES_H

#include "base/err.h"
#include "http/http.h"

struct pages; /* made at start, then only read, by all loops */

int pages_create(struct err_slot *err, struct pages **out);
void pages_destroy(struct pages *pages);

/* Handlers get their file as ctx. */
int pages_routes(struct pages *pages, struct http_router *routes, struct err_slot *err);

#endif
