/* keyspace.h: the data of a Redis: values under keys. Its clock is an argument; expired keys are
 * deleted when they are accessed. */
#ifndef FG_SIM_REDIS_KEYSPACE_H
#define FG_SIM_REDIS_KEYSPACE_H

#include "redis-model/value.h"

struct keyspace;

struct entry {
    struct bytes key;
    struct value value;
    uint64_t expires_ms; /* 0: never */
    struct entry *next;
};

struct keyspace *keyspace_make(void);
struct keyspace *keyspace_copy(const struct keyspace *from);
void keyspace_free(struct keyspace *keyspace);

void keyspace_set_clock(struct keyspace *keyspace, uint64_t now_us);
uint64_t keyspace_now_us(const struct keyspace *keyspace);
struct entry *keyspace_find(struct keyspace *keyspace, struct span key); /* NULL: none */
/* Finds the key's value, or creates one of this type. */
struct entry *keyspace_need(struct keyspace *keyspace, struct span key, enum value_type type);
bool keyspace_drop(struct keyspace *keyspace, struct span key);

#endif
