/* line_scripts.h: the Lua scripts of queue-front/lua, carried inside the program. */
#ifndef FG_QUEUE_FRONT_LINE_SCRIPTS_H
#define FG_QUEUE_FRONT_LINE_SCRIPTS_H

#include "base/span.h"
#include "queue-front/lua/line_names.h"

struct span line_scripts_text(enum line_script script);
const char *line_scripts_name(enum line_script script);

#endif
