/* outcomes.h: what Redis's scripts answer, as rows call it. */
#ifndef FG_TEST_OUTCOMES_H
#define FG_TEST_OUTCOMES_H

#include "queue-front/lua/line_names.h"
#include "script.h"

extern const char *const outcome_names[LINE_OUTCOME_COUNT + 1]; /* NULL ends them */

/* The outcome that the word at this index names. */
enum line_outcome outcome_at(const struct script_line *line, unsigned at);

#endif
