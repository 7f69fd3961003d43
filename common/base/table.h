/* table.h: a hash table of numbers. It stores the number of each thing under the hash of its name
 * and asks the owner, through a callback, whether a thing has the given key. The owner keeps the
 * things and numbers them as it likes, mostly by their index in an array. A zeroed table is empty.
 *
 * For one thread. Where several threads write at once (seat-service's buyers and rates), or the
 * oldest entry is evicted for the newest (tally, answers under a key, seen passes), a table of sets
 * is used instead. */
#ifndef FG_BASE_TABLE_H
#define FG_BASE_TABLE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table_slot {
    uint32_t hash;
    uint32_t number; /* number + 1; 0: free */
};

struct table {
    struct table_slot *slot; /* a power of two of them, at most half of them used */
    uint32_t mask, len;
};

/* Does the thing `number` have this key? */
typedef bool table_same(const void *ctx, uint32_t number, const void *key);

/* Makes room for that many things without growing. */
int table_reserve(struct table *table, uint32_t things, struct err_slot *err);
void table_deinit(struct table *table);

/* Adds a thing that is not there yet. Fails only for lack of memory, and not if reserved. */
int table_add(struct table *table, uint64_t hash, uint32_t number, struct err_slot *err);
/* Removes a thing that is stored under this hash. */
void table_remove(struct table *table, uint64_t hash, uint32_t number);
/* Changes the number of the stored thing `was`. */
void table_renumber(struct table *table, uint64_t hash, uint32_t was, uint32_t number);

/* Spreads consecutive numbers. */
static inline uint64_t table_hash_u64(uint64_t key)
{
    return (key ^ key >> 29) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline uint32_t table_fold(uint64_t hash)
{
    return (uint32_t)(hash ^ hash >> 32);
}

/* Returns the number, or TABLE_NONE. Inline, so that the comparison is. */
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
