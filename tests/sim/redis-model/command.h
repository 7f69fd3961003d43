/* command.h: the commands that the line's scripts use, and no others. Requests are words, replies
 * are in Redis's format. tests/integration/line/model.test.js compares them with the real Redis.
 * Words that Redis rejects, and that no script sends, are asserted not to come. */
#ifndef FG_SIM_REDIS_COMMAND_H
#define FG_SIM_REDIS_COMMAND_H

#include "redis-model/keyspace.h"
#include "redis-model/reply.h"

struct command {
    struct keyspace *keyspace;
    const struct command_row *row;
    const struct span *words;
    size_t len;
    struct value *value; /* of the first key, unless the row takes any; NULL: there is no key */
    struct bytes *out;
};

/* Gets the key's value; *out is NULL if there is no key. Returns false if its type is not the
 * row's; the error is written. */
bool command_value(struct command *command, struct span key, struct value **out);
/* Finds the key's value, or creates one of the row's type. */
struct value *command_need(struct command *command, struct span key);
/* HDEL, SREM, ZREM: removes the items from the third word on, and the key if it is empty. */
void command_remove(struct command *command);
/* HLEN, SCARD, ZCARD */
void command_len(struct command *command);
/* Deletes the key of an empty value. */
void command_drop_if_empty(struct command *command, const struct value *value);
bool command_integer(struct span text, int64_t *out);
/* The number in this word. */
int64_t command_number(const struct command *command, size_t at);
/* Reads a first and a last index, counted from either end, from the word `at` on, and cuts them to
 * what there is: first > last is an empty range. */
void command_range(const struct command *command, size_t at, size_t len, int64_t *first,
                   int64_t *last);
bool command_word(struct span word, const char *name);

enum { COMMAND_WRITES = 1, COMMAND_GROWS = 2 }; /* GROWS: refused when out of memory */

struct command_row {
    const char *name;
    int words; /* negative: at least as many */
    int kind;
    void (*run)(struct command *command);
    enum value_type type; /* of its keys */
    bool backwards;
    bool any; /* its first key may be of another type, or it has none */
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
