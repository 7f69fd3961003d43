/* filled_page.h: a page that is written again for each visitor: a template for each language, with
 * a table that says what fills its gaps and how often its blocks are repeated.
 *
 * Threading: read-only once made; any thread fills one. */
#ifndef FG_WEB_FILLED_PAGE_H
#define FG_WEB_FILLED_PAGE_H

#include "site.h"

struct page_gap {
    const char *name;
    void (*put)(struct text *out, void *ctx); /* a gap; NULL: none has this name */
    bool (*more)(void *ctx, unsigned turn);   /* a block; NULL: none has this name */
};

struct filled_page;

/* `gaps` is ended by a row without a name, and borrowed. */
int filled_page_create(const struct site *site, struct span html, const struct page_gap *gaps,
                       struct err_slot *err, struct filled_page **out);
void filled_page_put(struct text *out, const struct filled_page *page, enum lang lang, void *ctx);
/* The same for a page whose gaps have names alone, ended by NULL: two functions fill all of them,
 * by their index among the names. */
int filled_page_create_named(const struct site *site, struct span html, const char *const *names,
                             struct err_slot *err, struct filled_page **out);
void filled_page_put_named(struct text *out, const struct filled_page *page, enum lang lang,
                           void (*put)(struct text *out, unsigned gap, void *ctx),
                           bool (*more)(unsigned block, unsigned turn, void *ctx), void *ctx);
/* Bytes of it that no request fills. */
size_t filled_page_fixed(const struct filled_page *page, enum lang lang);
void filled_page_destroy(struct filled_page *page);

#endif
