/* keyspace_types.h: how values are kept; of the files of commands alone.
 *
 * These worlds are small: sets, hashes and ordered sets are arrays that are searched from the
 * front, and hashes and sets tell their members in the order in which these came, as Redis does
 * while they are small. */
#ifndef FG_SIM_REDIS_KEYSPACE_TYPES_H
#define FG_SIM_REDIS_KEYSPACE_TYPES_H

#include "redis-model/keyspace.h"

enum value_type { VALUE_STRING, VALUE_HASH, VALUE_SET, VALUE_ZSET, VALUE_LIST, VALUE_STREAM };

/* A field and its value, a member and its score, an element, or an entry of a stream. */
struct item {
    struct bytes name, value;
    double score;
    uint64_t ms, seq; /* of a stream's entry; `value` has its words, each with its length before */
    uint32_t words;
};

struct value {
    enum value_type type;
    struct bytes text;
    struct item *items;
    size_t len, cap;
    uint64_t last_ms, last_seq; /* of a stream */
};

struct entry {
    struct bytes key;
    struct value value;
    uint64_t expires_ms; /* 0: never */
    struct entry *next;
};

enum { KEYSPACE_BUCKETS = 1024 };

struct keyspace {
    struct entry *buckets[KEYSPACE_BUCKETS];
    uint64_t now_us; /* of the command that runs */
};

/* NULL: there is no such key. */
struct entry *keyspace_find(struct keyspace *keyspace, struct span key);
struct entry *keyspace_need(struct keyspace *keyspace, struct span key, enum value_type type);
bool keyspace_drop(struct keyspace *keyspace, struct span key);
struct item *value_add(struct value *value);
void value_remove(struct value *value, size_t at);
struct item *value_item(struct value *value, struct span name);
void bytes_set(struct bytes *bytes, struct span to);

/* One command. */
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
void command_syntax(struct command *command);
bool read_integer(struct span text, int64_t *out);
bool word_is(struct span word, const char *name);

typedef void (*command_run)(struct command *command);
struct command_row {
    const char *name;
    int words; /* at least so many, if it is negative */
    int kind;
    command_run run;
};
extern const struct command_row keyspace_strings[], keyspace_hashes[], keyspace_zsets[],
    keyspace_others[];

#endif
