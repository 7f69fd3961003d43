/* answer.h: the little of HTTP that a generator of load has to read: where an answer ends. */
#ifndef FG_FLOOR_ANSWER_H
#define FG_FLOOR_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/* What follows `name` in the answer; NULL if it is not there. */
const char *answer_behind(const char *answer, size_t len, const char *name);
/* Head and body are there. For answers that tell their length. */
bool answer_is_whole(const char *answer, size_t len);

#endif
