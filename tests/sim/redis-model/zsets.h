/* zsets.h: the commands of ordered sets; the last row has no name. */
#ifndef FG_SIM_REDIS_ZSETS_H
#define FG_SIM_REDIS_ZSETS_H

#include "redis-model/command.h"

extern const struct command_row zsets_rows[];

#endif
