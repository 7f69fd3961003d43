/* pages.h: the pages that buyers look at, and the texts that are said on them. */
#ifndef FG_PAY_PAGES_H
#define FG_PAY_PAGES_H

#include "http/http.h"
#include "web/site.h"

struct pages; /* of the process; read-only once made */

int pages_create(const struct brand_settings *brand, struct err_slot *err, struct pages **out);
int pages_routes(struct pages *pages, struct http_router *routes, struct err_slot *err);
const struct site *pages_site(const struct pages *pages); /* its texts are said by mails, too */
void pages_destroy(struct pages *pages);

#endif
