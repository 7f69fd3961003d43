/* number.h: the number of an order or a ticket, short enough to be read aloud: K7-4M2-9QX. It is
 * derived from the id, like the schema's pay.number(). Without the id it opens nothing. */
#ifndef FG_PAY_NUMBER_H
#define FG_PAY_NUMBER_H

#include "base/span.h"

#include <stdbool.h>

enum { NUMBER_CHARS = 8, NUMBER_MAX = NUMBER_CHARS + 3 }; /* two dashes and the NUL */

void number_of(struct span id, char out[NUMBER_MAX]);

/* Accepts upper and lower case, missing or extra dashes and spaces, O for 0, I and L for 1. False:
 * not a number. */
bool number_parse(struct span typed, char out[NUMBER_MAX]);

#endif
