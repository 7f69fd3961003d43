/* filled_page.c: the templates are made at start, once for each language. A request gives its facts
 * as ctx, which the functions of the table read; a block's function may note in it which turn is
 * being written, for the gaps within. */
#include "filled_page.h"

#include <assert.h>
#include <stdlib.h>

enum { GAPS_MAX = 96 };

struct filled_page {
    const struct page_gap *gaps;
    uint32_t gaps_len;
    struct template *of[LANG_MAX];
};

int filled_page_create_named(const struct site *site, struct span html, const char *const *names,
                             struct err_slot *err, struct filled_page **out)
{
    struct filled_page *page = calloc(1, sizeof(*page));
    if (page == NULL)
        return err_set(err, ERR_NOMEM, "a page");
    for (enum lang lang = 0; lang < lang_count(); lang++) {
        int rc = site_template(site, lang, html, names, err, &page->of[lang]);
        if (rc < 0) {
            filled_page_destroy(page);
            return rc;
        }
    }
    *out = page;
    return 0;
}

int filled_page_create(const struct site *site, struct span html, const struct page_gap *gaps,
                       struct err_slot *err, struct filled_page **out)
{
    const char *names[GAPS_MAX + 1] = {NULL};
    uint32_t len = 0;
    for (; gaps[len].name != NULL; len++) {
        assert(len < GAPS_MAX);
        names[len] = gaps[len].name;
    }
    int rc = filled_page_create_named(site, html, names, err, out);
    if (rc < 0)
        return rc;
    (*out)->gaps = gaps;
    (*out)->gaps_len = len;
    return 0;
}

struct filling {
    const struct filled_page *page;
    void *ctx;
};

static void put_gap(struct text *out, unsigned gap, void *ctx)
{
    const struct filling *filling = ctx;
    assert(gap < filling->page->gaps_len);
    assert(filling->page->gaps[gap].put != NULL);
    filling->page->gaps[gap].put(out, filling->ctx);
}

static bool more_of_block(unsigned block, unsigned turn, void *ctx)
{
    const struct filling *filling = ctx;
    assert(block < filling->page->gaps_len);
    assert(filling->page->gaps[block].more != NULL);
    return filling->page->gaps[block].more(filling->ctx, turn);
}

void filled_page_put_named(struct text *out, const struct filled_page *page, enum lang lang,
                           void (*put)(struct text *out, unsigned gap, void *ctx),
                           bool (*more)(unsigned block, unsigned turn, void *ctx), void *ctx)
{
    assert(lang < lang_count());
    template_put_blocks(out, page->of[lang], put, more, ctx);
}

void filled_page_put(struct text *out, const struct filled_page *page, enum lang lang, void *ctx)
{
    struct filling filling = {page, ctx};
    filled_page_put_named(out, page, lang, put_gap, more_of_block, &filling);
}

size_t filled_page_fixed(const struct filled_page *page, enum lang lang)
{
    assert(lang < lang_count());
    return template_text(page->of[lang]).len;
}

void filled_page_destroy(struct filled_page *page)
{
    if (page == NULL)
        return;
    for (enum lang lang = 0; lang < LANG_MAX; lang++)
        template_destroy(page->of[lang]);
    free(page);
}
