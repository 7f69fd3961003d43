/* peek.h: single members of an answer, found without parsing all of it. The services' answers are
 * flat where it matters and name a thing once; a load generator that built a tree of each answer
 * would measure itself. */
#ifndef FG_CROWD_PEEK_H
#define FG_CROWD_PEEK_H

#include "base/span.h"

/* The first "key": value in the text. False if it is not there or of another kind. */
bool peek_u64(struct span json, const char *key, uint64_t *out);
bool peek_bool(struct span json, const char *key, bool *out);
/* Without the quotes; escapes stay as they are (ids and tokens have none). Borrowed. */
bool peek_str(struct span json, const char *key, struct span *out);
/* The strings of the array behind the first "key": into out[], at most max. Answers how many. */
uint32_t peek_strs(struct span json, const char *key, struct span *out, uint32_t max);
/* Whether an order's timeline says that `step` came to `result`, however often it was tried. */
bool peek_step(struct span json, const char *step, const char *result);

#endif
