/* line_scripts.c: infra/wire.js joins each script of the files that wire.list names and makes a C
 * string of it, so that no path is needed at run time and the program and its scripts cannot be of
 * different versions. */
#include "scripts/line_scripts.h"

#include <assert.h>

static const struct {
    const char *name;
    struct span text;
} scripts[SCRIPT_COUNT] = {
#define SCRIPT_OF(id, name, text) [SCRIPT_##id] = {name, {text, sizeof(text) - 1}},
#include "queue-front/lua/line_scripts.inc"
#undef SCRIPT_OF
};

struct span line_scripts_text(enum line_script script)
{
    assert(script < SCRIPT_COUNT);
    assert(scripts[script].text.len > 0);
    return scripts[script].text;
}

const char *line_scripts_name(enum line_script script)
{
    assert(script < SCRIPT_COUNT);
    return scripts[script].name;
}
