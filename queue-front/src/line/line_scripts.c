/* line_scripts.c: the Makefile turns each script into a C string, so that no path is needed at run
 * time and the program and its scripts cannot be of different versions. */
#include "line/line_scripts.h"

#include <assert.h>

static const char prelude[] =
#include "queue-front/lua/prelude.lua.inc"
    ;
/* In this order, which no formatter may change. */
/* clang-format off */
static const char prelude_and_helpers[] =
#include "queue-front/lua/prelude.lua.inc" /* NOLINT(readability-duplicate-include) */
#include "queue-front/lua/helpers.lua.inc"
    ;
/* clang-format on */
static const char join[] =
#include "queue-front/lua/join.lua.inc"
    ;
static const char tick[] =
#include "queue-front/lua/tick.lua.inc"
    ;
static const char visit[] =
#include "queue-front/lua/visit.lua.inc"
    ;
static const char admin[] =
#include "queue-front/lua/admin.lua.inc"
    ;
static const char heal[] =
#include "queue-front/lua/heal.lua.inc"
    ;
static const char pilot[] =
#include "queue-front/lua/pilot.lua.inc"
    ;
static const char move[] =
#include "queue-front/lua/move.lua.inc"
    ;
static const char codes[] =
#include "queue-front/lua/codes.lua.inc"
    ;
static const char house[] =
#include "queue-front/lua/house.lua.inc"
    ;
static const char sweep[] =
#include "queue-front/lua/sweep.lua.inc"
    ;

static const char heard[] =
#include "queue-front/lua/heard.lua.inc"
    ;

#define TEXT(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static const struct {
    const char *name;
    struct span body;
} scripts[SCRIPT_COUNT] = {
    [SCRIPT_JOIN] = {"join", TEXT(join)},    [SCRIPT_TICK] = {"tick", TEXT(tick)},
    [SCRIPT_VISIT] = {"visit", TEXT(visit)}, [SCRIPT_ADMIN] = {"admin", TEXT(admin)},
    [SCRIPT_HEAL] = {"heal", TEXT(heal)},    [SCRIPT_PILOT] = {"pilot", TEXT(pilot)},
    [SCRIPT_MOVE] = {"move", TEXT(move)},    [SCRIPT_HEARD] = {"heard", TEXT(heard)},
    [SCRIPT_HOUSE] = {"house", TEXT(house)}, [SCRIPT_SWEEP] = {"sweep", TEXT(sweep)},
    [SCRIPT_CODES] = {"codes", TEXT(codes)},
};

struct span line_scripts_prelude(enum line_script script)
{
    assert(script < SCRIPT_COUNT);
    const struct span shortest = TEXT(prelude), whole = TEXT(prelude_and_helpers);
    return script == SCRIPT_JOIN ? shortest : whole;
}

struct span line_scripts_body(enum line_script script)
{
    assert(script < SCRIPT_COUNT);
    return scripts[script].body;
}

const char *line_scripts_name(enum line_script script)
{
    assert(script < SCRIPT_COUNT);
    return scripts[script].name;
}
