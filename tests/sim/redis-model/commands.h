/* commands.h: the commands that the line's scripts use, and no others. Requests are words, replies
 * are in Redis's format. tests/integration/line/model.test.js compares them with the real Redis. */
#ifndef FG_SIM_REDIS_COMMANDS_H
#define FG_SIM_REDIS_COMMANDS_H

#include "redis-model/command.h"

int commands_kind(struct span name); /* COMMAND_WRITES and so on; -1: unknown command */
void commands_do(struct keyspace *keyspace, uint64_t now_us, const struct span *words, size_t len,
                 struct bytes *out);

#endif
