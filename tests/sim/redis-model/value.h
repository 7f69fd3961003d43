/* value.h: the value of a key.
 *
 * These worlds are small: sets, hashes and ordered sets are arrays with linear search, and hashes
 * and sets list their members in the order of insertion, as Redis does while they are small. */
#ifndef FG_SIM_REDIS_VALUE_H
#define FG_SIM_REDIS_VALUE_H

#include "redis-model/bytes.h"

enum value_type { VALUE_STRING, VALUE_HASH, VALUE_SET, VALUE_ZSET, VALUE_LIST, VALUE_STREAM };

/* A field and its value, a member and its score, an element, or an entry of a stream. */
struct item {
    struct bytes name, value;
    double score;
    uint64_t ms, seq; /* of a stream's entry; `value` has its words, each after its length */
    uint32_t words;
};

struct value {
    enum value_type type;
    struct bytes text;
    struct item *items;
    size_t len, cap;
    uint64_t last_ms, last_seq; /* of a stream */
};

struct item *value_add(struct value *value);
void value_remove(struct value *value, size_t at);
struct item *value_item(struct value *value, struct span name); /* NULL: none */
void value_copy(struct value *to, const struct value *from);
void value_free(struct value *value);

#endif
