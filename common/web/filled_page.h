/* filled_page.h: a page that is rendered for each visitor: a template per language, and two
 * functions that fill its gaps and say how often its blocks are repeated.
 *
 * Threading: read-only once created; any thread renders. */
#ifndef FG_WEB_FILLED_PAGE_H
#define FG_WEB_FILLED_PAGE_H

#include "site.h"

struct filled_page;

/* `names` of gaps and blocks end with NULL; the functions get an index into them. */
int filled_page_create(const struct site *site, struct span html, const char *const *names,
                       struct err_slot *err, struct filled_page **out);
void filled_page_put(struct text *out, const struct filled_page *page, enum lang lang,
                     void (*put)(struct text *out, unsigned gap, void *ctx),
                     bool (*more)(unsigned block, unsigned turn, void *ctx), void *ctx);
/* The size of the fixed parts. */
size_t filled_page_fixed(const struct filled_page *page, enum lang lang);
void filled_page_destroy(struct filled_page *page);

#endif
