/* pages.h: the buyers' pages and their texts. */
#ifndef FG_PAY_PAGES_H
#define FG_PAY_PAGES_H

#include "http/http.h"
#include "settings.h"
#include "web/site.h"

struct pages; /* one per process; read-only once made */

int pages_create(const struct settings *settings, struct err_slot *err, struct pages **out);
int pages_routes(struct pages *pages, struct http_router *routes, struct err_slot *err);
const struct site *pages_site(const struct pages *pages); /* mails use its texts too */
void pages_destroy(struct pages *pages);

#endif
