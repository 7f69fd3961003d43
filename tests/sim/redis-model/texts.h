/* texts.h: the commands of strings and their bits; the last row has no name. */
#ifndef FG_SIM_REDIS_TEXTS_H
#define FG_SIM_REDIS_TEXTS_H

#include "redis-model/command.h"

extern const struct command_row texts_rows[];

#endif
