/* wording.h: sentences of the text files with values filled in, for pages. All of it is escaped. */
#ifndef FG_QUEUE_FRONT_WORDING_H
#define FG_QUEUE_FRONT_WORDING_H

#include "base/text.h"

/* A phrase with {0} and {1} filled in. */
void wording_put(struct text *out, struct span pattern, struct span first, struct span second);
void wording_put_number(struct text *out, struct span pattern, uint64_t number);

/* Numbers for readers: 12,345. Both built-in languages group them the same way; the script, if it
 * runs, uses the rules of any other language. */
void wording_put_grouped(struct text *out, uint64_t value);

#endif
