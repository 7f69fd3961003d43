/* phrases.h: the texts of one language, which an operator can override.
 *
 * Threading: read-only once created; any thread reads. */
#ifndef FG_WEB_PHRASES_H
#define FG_WEB_PHRASES_H

#include "base/err.h"
#include "base/text.h"

enum { PHRASES_SOURCE_MAX = 128 * 1024 }; /* of one language */

/* Texts of one language: lines "key = value", '#' begins a comment. */
struct phrases;
int phrases_parse(struct span source, struct err_slot *err, struct phrases **out);
/* Overrides our texts by an operator's. `text` (borrowed for the life of the phrases) has lines of
 * the same form; those after "[NAME]" are for that service only, those before any such line for
 * all. An unknown key in our own section is an error. */
int phrases_override(struct phrases *phrases, struct span text, struct span service,
                     struct err_slot *err);
bool phrases_name(struct span text, struct span service); /* does it have a line "[SERVICE]"? */
/* The first phrase not overridden by phrases_override(), or "not there". */
struct span phrases_untouched(const struct phrases *phrases);
struct span phrases_find(const struct phrases *phrases, struct span key); /* or not there */
/* Writes a phrase with {0}, {1} and {2} replaced, by text_put() or html_put(). */
void phrases_fill(struct text *out, struct span phrase, const struct span values[3],
                  void (*put)(struct text *out, struct span span));
/* Writes the phrases whose key begins with `prefix` (empty: all) but not with `except` (empty:
 * none) as one JSON object, safe inside <script type="application/json">. */
void phrases_json(struct text *out, const struct phrases *phrases, struct span prefix,
                  struct span except);
void phrases_destroy(struct phrases *phrases);

#endif
