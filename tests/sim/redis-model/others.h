/* others.h: the commands of keys, the clock and streams; the last row has no name. */
#ifndef FG_SIM_REDIS_OTHERS_H
#define FG_SIM_REDIS_OTHERS_H

#include "redis-model/command.h"

extern const struct command_row others_rows[];

#endif
