/* plain.h: text of somebody else's on a terminal of ours: nothing in it is a command to the
 * terminal, and its width is known. */
#ifndef FG_CTL_SHOW_PLAIN_H
#define FG_CTL_SHOW_PLAIN_H

#include "base/grow.h"

/* Appends the text as it may be shown. Control characters (C0, DEL, C1), signs that turn the
 * direction of writing, and bytes that are not UTF-8 come as \x1B, \u202E; so do tabs and ends of
 * lines, since a cell is one line. */
void plain_put(struct grow *out, struct span text);

/* Appends words of our own, of any length; nothing in them is made fit for a terminal. */
void plain_format(struct grow *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Columns that a shown text takes: two for Hangul, Han, Kana and emoji, none for what stands above
 * the letter before it. */
size_t plain_width(struct span text);

/* As much of it, from its beginning, as fits into so many columns. */
struct span plain_cut(struct span text, size_t columns);

#endif
