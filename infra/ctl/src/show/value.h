/* value.h: what a service said, JSON, as a person reads it. */
#ifndef FG_CTL_SHOW_VALUE_H
#define FG_CTL_SHOW_VALUE_H

#include "base/grow.h"

#include <jansson.h>

/* The member at a path such as "live.waiting"; NULL: not there. Borrowed. */
const json_t *value_at(const json_t *doc, const char *path);
/* Its number, whether it was written with decimals or not; 0: there is none. */
double value_number(const json_t *doc, const char *path);
uint64_t value_time_ms(const json_t *doc, const char *path); /* since 1970; 0: there is none */
struct span value_text(const json_t *doc, const char *path); /* of a string; empty: there is none */

/* Appends a value in one line: a time as "2026-11-20 07:32:33", yes and no, "-" for null, numbers
 * as they are, objects and arrays as JSON. Not yet fit for a terminal: see plain_put(). */
void value_put(struct grow *out, const json_t *value);

void value_put_time(struct grow *out, uint64_t ms); /* since 1970 */
/* A value, fit for a terminal. */
void value_show(struct grow *out, const json_t *value);

/* Appends a text with what the document has at each {path}: as value_show() has it, or as a number
 * with so many decimals, {path:1}. */
void value_fill(struct grow *out, const char *text, const json_t *doc);

/* Appends a table of an array's objects. `columns`: "id:EVENT live.waiting:WAITING name:NAME".
 * `width`: columns of the terminal, to which each line is cut; 0: none. */
void value_rows(struct grow *out, const json_t *array, const char *columns, size_t width);

/* Appends the members of an object, one a line; what is an object or array in it as JSON. */
void value_members(struct grow *out, const json_t *object, size_t width);

#endif
