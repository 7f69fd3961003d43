/* template.h: a page with gaps. The fixed parts, and the words of one language, are put together
 * once at start; a request only fills the gaps, by copying.
 *
 *     {{t.title}}      the text "title" of the language, filled in at start
 *     {{files}}        markup that is the same for every request, filled in at start
 *     {{position}}     a gap, filled in for each request
 *     {{#seat}} ... {{/seat}}    a block: what is between is written as often as the request says:
 *                                never, once, or for each seat. Blocks may contain blocks.
 *
 * Threading: read-only once made; any thread renders. */
#ifndef FG_WEB_TEMPLATE_H
#define FG_WEB_TEMPLATE_H

#include "html.h"
#include "phrases.h"

struct template_fixed {
    const char *name;
    struct span html; /* markup, inserted as it is */
};

struct template;
/* `fixed` ends with a row without a name; NULL: none. `gaps` are the names of the gaps and blocks
 * that a request fills, ended by NULL; template_put_blocks() passes their index. Any other name is
 * an error, so that no page shows {{this}}. */
int template_create(struct span source, const struct phrases *phrases,
                    const struct template_fixed *fixed, const char *const *gaps,
                    struct err_slot *err, struct template **out);
/* Calls fill() for each gap, in order. Before each repetition of a block, counted from 0, more()
 * says whether there is one; NULL: the page has no blocks. */
void template_put_blocks(struct text *out, const struct template *page,
                         void (*fill)(struct text *out, unsigned gap, void *ctx),
                         bool (*more)(unsigned block, unsigned turn, void *ctx), void *ctx);
struct span template_text(const struct template *page); /* everything except the gaps */
void template_destroy(struct template *page);

#endif
