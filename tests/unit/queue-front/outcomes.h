/* outcomes.h: the names of the scripts' outcomes and of states in rows. */
#ifndef FG_TEST_OUTCOMES_H
#define FG_TEST_OUTCOMES_H

#include "queue-front/lua/line_names.h"
#include "script.h"

extern const char *const outcome_names[LINE_OUTCOME_COUNT + 1]; /* ends with NULL */

/* The outcome, or the kind of a turn, named by the word at this index. */
enum line_outcome outcome_at(const struct script_line *line, unsigned at);
enum turn_kind turn_at(const struct script_line *line, unsigned at);

enum line_state state_named(const char *name);

#endif
