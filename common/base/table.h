/* table.h: a hash table of numbers. It keeps the number of each thing under the hash of its name
 * and asks its owner whether a thing is the one that is wanted. The things stay with the owner,
 * which numbers them as it likes, mostly by their place in an array. A table of zeros is an empty
 * one.
 *
 * One thread. Where several write at once (seat-service's buyers and rates), or the oldest makes
 * room for the newest (tally, answers under a key, passes that were seen), a table of sets is used
 * instead. */
#ifndef FG_BASE_TABLE_H
#define FG_BASE_TABLE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table_slot {
    uint32_t hash;
    uint32_t number; /* plus one; 0: free */
};

struct table {
    struct table_slot *slot; /* a power of two of them, at most half of them taken */
    uint32_t mask, len;
};

/* Is `number` the thing of this key? */
typedef bool table_same(const void *ctx, uint32_t number, const void *key);

/* Room for that many things without growing. */
int table_reserve(struct table *table, uint32_t things, struct err_slot *err);
void table_deinit(struct table *table);

/* It is not there yet. Fails for want of memory alone; never where it was reserved. */
int table_add(struct table *table, uint64_t hash, uint32_t number, struct err_slot *err);
/* It is there, under this hash. */
void table_remove(struct table *table, uint64_t hash, uint32_t number);
/* The thing `was`, which is there, has got another number. */
void table_renumber(struct table *table, uint64_t hash, uint32_t was, uint32_t number);

/* Spreads numbers that were given out one after the other. */
static inline uint64_t table_hash_u64(uint64_t key)
{
    return (key ^ key >> 29) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline uint32_t table_fold(uint64_t hash)
{
    return (uint32_t)(hash ^ hash >> 32);
}

/* The number, or TABLE_NONE. Inline, so that the comparison is. */
static inline uint32_t table_find(const struct table *table, uint64_t hash, table_same *same,
                                  const void *ctx, const void *key)
{
    if (table->len == 0)
        return TABLE_NONE;
    uint32_t folded = table_fold(hash);
    for (uint32_t at = folded & table->mask;; at = (at + 1) & table->mask) {
        const struct table_slot *slot = &table->slot[at];
        if (slot->number == 0)
            return TABLE_NONE;
        if (slot->hash == folded && same(ctx, slot->number - 1, key))
            return slot->number - 1;
    }
}

#endif
