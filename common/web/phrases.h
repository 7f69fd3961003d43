/* phrases.h: the texts of one language, in which an operator's replace ours.
 *
 * Threading: read-only once made; any thread reads. */
#ifndef FG_WEB_PHRASES_H
#define FG_WEB_PHRASES_H

#include "base/err.h"
#include "base/text.h"

enum { PHRASES_SOURCE_MAX = 128 * 1024 }; /* of one language */

/* Texts of one language: lines "key = value", '#' begins a comment. */
struct phrases;
int phrases_parse(struct span source, struct err_slot *err, struct phrases **out);
/* Replaces our texts by an operator's. `text` (borrowed for as long as the phrases live) has lines
 * of the same kind; those after "[NAME]" are for that service alone, those before any such line for
 * all. In our own section an unknown key is an error. */
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

#endif
