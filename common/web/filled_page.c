/* filled_page.c: the templates are created at start, one per language. A request passes its facts
 * as ctx; the function that counts repetitions may store there which one is being written. */
#include "filled_page.h"

#include <assert.h>
#include <stdlib.h>

struct filled_page {
    struct template *of[LANG_MAX];
};

int filled_page_create(const struct site *site, struct span html, const char *const *names,
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

void filled_page_put(struct text *out, const struct filled_page *page, enum lang lang,
                     void (*put)(struct text *out, unsigned gap, void *ctx),
                     bool (*more)(unsigned block, unsigned turn, void *ctx), void *ctx)
{
    assert(lang < lang_count());
    template_put_blocks(out, page->of[lang], put, more, ctx);
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
