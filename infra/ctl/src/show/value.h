/* value.h: shows a service's JSON to a person. */
#ifndef FG_CTL_SHOW_VALUE_H
#define FG_CTL_SHOW_VALUE_H

#include "base/grow.h"

#include <jansson.h>

/* The member at a path such as "live.waiting"; NULL: missing. Borrowed. */
const json_t *value_at(const json_t *doc, const char *path);
/* Its number, integer or real; 0: missing. */
double value_number(const json_t *doc, const char *path);
double value_sum(const json_t *array, const char *path);     /* of its objects' numbers */
uint64_t value_time_ms(const json_t *doc, const char *path); /* since 1970; 0: missing */
struct span value_text(const json_t *doc, const char *path); /* a string; empty: missing */

/* Appends a value on one line: a time as "2026-11-20 07:32:33", yes and no, "-" for null, numbers
 * unchanged, objects and arrays as JSON. Not yet safe for a terminal: see plain_put(). */
void value_put(struct grow *out, const json_t *value);

void value_put_time(struct grow *out, uint64_t ms); /* since 1970 */
/* Appends a value, safe for a terminal. */
void value_show(struct grow *out, const json_t *value);

/* Appends a text and replaces each {path} by the document's value: as value_show() writes it, or as
 * a number with so many decimals, {path:1}. */
void value_fill(struct grow *out, const char *text, const json_t *doc);

/* Appends a table of an array's objects. `columns`: "id:EVENT live.waiting:WAITING name:NAME". Each
 * line is cut to `width`, the terminal's columns; 0: not cut. */
void value_rows(struct grow *out, const json_t *array, const char *columns, size_t width);

/* Appends the members of an object, one per line; nested objects and arrays as JSON. */
void value_members(struct grow *out, const json_t *object, size_t width);

#endif
