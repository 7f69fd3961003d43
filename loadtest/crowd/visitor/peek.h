/* peek.h: finds single members of an answer without parsing all of it. The relevant parts of the
 * services' answers are flat and use a name once; a load generator that built a tree of each answer
 * would measure itself. */
#ifndef FG_CROWD_PEEK_H
#define FG_CROWD_PEEK_H

#include "base/span.h"

/* The first "key": value in the text. False if it is missing or of another type. */
bool peek_u64(struct span json, const char *key, uint64_t *out);
bool peek_bool(struct span json, const char *key, bool *out);
/* Without the quotes; escapes are not decoded (ids and tokens have none). Borrowed. */
bool peek_str(struct span json, const char *key, struct span *out);
/* Stores the strings of the array at the first "key" in out[], at most max; returns how many. */
uint32_t peek_strs(struct span json, const char *key, struct span *out, uint32_t max);
/* Does an order's timeline say that `step` ended with `result`, after any number of attempts? */
bool peek_step(struct span json, const char *step, const char *result);

#endif
