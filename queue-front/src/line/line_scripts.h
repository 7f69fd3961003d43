/* line_scripts.h: the Lua scripts of queue-front/lua, carried inside the program. */
#ifndef FG_QUEUE_FRONT_LINE_SCRIPTS_H
#define FG_QUEUE_FRONT_LINE_SCRIPTS_H

#include "base/span.h"

enum line_script {
    SCRIPT_JOIN,
    SCRIPT_TICK,
    SCRIPT_VISIT,
    SCRIPT_ADMIN,
    SCRIPT_HEAL,
    SCRIPT_PILOT,
    SCRIPT_MOVE,
    SCRIPT_HEARD,
    SCRIPT_HOUSE,
    SCRIPT_SWEEP,
    SCRIPT_CODES,
    SCRIPT_COUNT,
};

/* What stands before a script; Redis gets both as one text. */
struct span line_scripts_prelude(enum line_script script);
struct span line_scripts_body(enum line_script script);
const char *line_scripts_name(enum line_script script);

#endif
