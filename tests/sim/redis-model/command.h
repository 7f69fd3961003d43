/* command.h: the commands that the line's scripts use, and no others. Requests are words, replies
 * are in Redis's format. tests/integration/line/model.test.js compares them with the real Redis. */
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

/* Gets the key's value of this type; *out is NULL if there is no key. Returns false if the type
 * differs; the error is written. */
bool command_value(struct command *command, struct span key, enum value_type type,
                   struct value **out);
/* HDEL, SREM, ZREM: removes the items from the third word on, and the key if it is empty. */
void command_remove(struct command *command, enum value_type type);
/* Deletes the key of an empty value. */
void command_drop_if_empty(struct command *command, const struct value *value);
void command_syntax(struct command *command);
bool command_integer(struct span text, int64_t *out);
bool command_word(struct span word, const char *name);

enum { COMMAND_WRITES = 1, COMMAND_GROWS = 2 }; /* GROWS: refused when out of memory */

struct command_row {
    const char *name;
    int words; /* negative: at least as many */
    int kind;
    void (*run)(struct command *command);
};

/* The last row has no name. */
extern const struct command_row hashes_rows[]; /* hashes, sets and lists */
extern const struct command_row texts_rows[];  /* strings and their bits */
extern const struct command_row zsets_rows[];  /* ordered sets */
extern const struct command_row others_rows[]; /* keys, the clock and streams */

int command_kind(struct span name); /* COMMAND_WRITES and so on; -1: unknown command */
void command_do(struct keyspace *keyspace, uint64_t now_us, const struct span *words, size_t len,
                struct bytes *out);

#endif
