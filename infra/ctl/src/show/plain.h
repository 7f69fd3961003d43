/* plain.h: shows untrusted text on a terminal: it cannot contain commands to the terminal, and its
 * width is known. */
#ifndef FG_CTL_SHOW_PLAIN_H
#define FG_CTL_SHOW_PLAIN_H

#include "base/grow.h"

/* Appends the text as it may be shown. Control characters (C0, DEL, C1), characters that change the
 * writing direction, and invalid UTF-8 are escaped as \x1B, \u202E. So are tabs and newlines, since
 * a cell is one line. */
void plain_put(struct grow *out, struct span text);

/* Appends trusted words of any length; nothing in them is escaped. */
void plain_format(struct grow *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Columns that a shown text takes: two for Hangul, Han, Kana and emoji, none for a combining
 * mark. */
size_t plain_width(struct span text);

/* The longest prefix that fits into so many columns. */
struct span plain_cut(struct span text, size_t columns);

#endif
