/* template.h: a page with gaps. The fixed parts, and the words of one language, are put together
 * once at start; a request only fills the gaps, by copying.
 *
 *     {{t.title}}      the text "title" of the language, filled in at start
 *     {{files}}        markup that is the same for every request, filled in at start
 *     {{position}}     a gap, filled in for each request
 *     {{#seat}} ... {{/seat}}    a block: what is between stands there as often as the request
 * says, never, once, or for each seat; blocks may stand within blocks
 *
 * Threading: read-only once made; any thread renders. */
#ifndef FG_WEB_TEMPLATE_H
#define FG_WEB_TEMPLATE_H

#include "base/err.h"
#include "base/text.h"

/* Texts of one language: lines "key = value", '#' begins a comment. */
struct phrases;
int phrases_parse(struct span source, struct err_slot *err, struct phrases **out);
/* Puts an operator's texts in the place of ours. `text` (borrowed for as long as the phrases live)
 * has lines of the same kind; what follows "[NAME]" is for that service alone, what stands before
 * any such line for all. Of our own lines, those with a key that we do not have are an error. */
int phrases_override(struct phrases *phrases, struct span text, struct span service,
                     struct err_slot *err);
bool phrases_name(struct span text, struct span service); /* is a line "[SERVICE]" in it? */
/* The first phrase that phrases_override() has not given another text; or not there. */
struct span phrases_untouched(const struct phrases *phrases);
struct span phrases_find(const struct phrases *phrases, struct span key); /* or not there */
/* A phrase with {0}, {1} and {2} put in, by text_put() or html_put(). */
void phrases_fill(struct text *out, struct span phrase, const struct span values[3],
                  void (*put)(struct text *out, struct span span));
/* Those whose key begins with `prefix` (empty: all) and not with `except` (empty: none) as one JSON
 * object, safe inside of a <script type="application/json">. */
void phrases_json(struct text *out, const struct phrases *phrases, struct span prefix,
                  struct span except);
void phrases_destroy(struct phrases *phrases);

struct template_fixed {
    const char *name;
    struct span html; /* as it is: markup, not text */
};

struct template;
/* `fixed` is ended by a row without a name; NULL: none. `gaps` are the names of gaps and blocks
 * that a request fills, ended by NULL; their index is what template_put() is asked for. A name that
 * is nothing of all this is an error, so that no page shows {{this}}. */
int template_create(struct span source, const struct phrases *phrases,
                    const struct template_fixed *fixed, const char *const *gaps,
                    struct err_slot *err, struct template **out);
/* Calls back for each gap in its order, to write it. */
void template_put(struct text *out, const struct template *page,
                  void (*fill)(struct text *out, unsigned gap, void *ctx), void *ctx);
/* The same for a page with blocks. Before each turn of a block, the first being 0, more() is asked
 * whether there is one; a block has as many turns as it says yes. */
void template_put_blocks(struct text *out, const struct template *page,
                         void (*fill)(struct text *out, unsigned gap, void *ctx),
                         bool (*more)(unsigned block, unsigned turn, void *ctx), void *ctx);
struct span template_text(const struct template *page); /* all of it but the gaps */
void template_destroy(struct template *page);

/* Text from outside into HTML: & < > " ' become entities. */
void html_put(struct text *out, struct span text);

#endif
