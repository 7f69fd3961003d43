/* filled_page.h: a page that is written anew for each visitor: a template for each language, with a
 * table that says what fills its gaps and how often its blocks stand there.
 *
 * Threading: read-only once made; any thread fills one. */
#ifndef FG_PAY_FILLED_PAGE_H
#define FG_PAY_FILLED_PAGE_H

#include "web/site.h"

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
void filled_page_destroy(struct filled_page *page);

/* What several pages say in the same words. */
/* The script writes it as people do, in the visitor's own time zone. */
void filled_page_put_time(struct text *out, struct span at);
/* What is printed on a seat: zone, row and number. Of a place in an area it is the area's name; of
 * one that was bought when its hall told no names it is the id. */
void filled_page_put_seat(struct text *out, const struct phrases *words, const struct span names[3],
                          struct span id);

#endif
