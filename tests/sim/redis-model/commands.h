/* commands.h: the commands that the line's scripts use, and no others. Words come in, and answers
 * go out as Redis writes them. tests/integration/line/model.test.js holds them against the real
 * one. */
#ifndef FG_SIM_REDIS_COMMANDS_H
#define FG_SIM_REDIS_COMMANDS_H

#include "redis-model/command.h"

int commands_kind(struct span name); /* COMMAND_WRITES and so on; -1: there is none of this name */
void commands_do(struct keyspace *keyspace, uint64_t now_us, const struct span *words, size_t len,
                 struct bytes *out);

#endif
