/* command.h: one command, and what several of them do. */
#ifndef FG_SIM_REDIS_COMMAND_H
#define FG_SIM_REDIS_COMMAND_H

#include "redis-model/keyspace.h"
#include "redis-model/reply.h"

struct command {
    struct keyspace *keyspace;
    const struct span *words;
    size_t len;
    struct bytes *out;
};

/* The value at this key, if it is of this type. False: another is there, and that was answered.
 * *out NULL: nothing is there. */
bool command_value(struct command *command, struct span key, enum value_type type,
                   struct value **out);
/* HDEL, SREM, ZREM: removes what the words from the third on name, and a key left empty. */
void command_remove(struct command *command, enum value_type type);
/* What is left empty is no key any more. */
void command_drop_if_empty(struct command *command, const struct value *value);
void command_syntax(struct command *command);
bool command_integer(struct span text, int64_t *out);
bool command_word(struct span word, const char *name);

enum { COMMAND_WRITES = 1, COMMAND_GROWS = 2 }; /* GROWS: refused when there is no memory */

struct command_row {
    const char *name;
    int words; /* at least so many, if it is negative */
    int kind;
    void (*run)(struct command *command);
};

#endif
