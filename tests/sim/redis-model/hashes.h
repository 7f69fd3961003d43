/* hashes.h: the commands of hashes, sets and lists; the last row has no name. */
#ifndef FG_SIM_REDIS_HASHES_H
#define FG_SIM_REDIS_HASHES_H

#include "redis-model/command.h"

extern const struct command_row hashes_rows[];

#endif
