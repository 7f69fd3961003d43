/* tally.c: a table of four-way sets, indexed by a keyed hash of the name; only the hash is stored.
 *
 * Memory is fixed, so a flood of names cannot grow it: a full set evicts the entry whose minute
 * ends first. The key of the hash is random, so nobody can choose names that evict each other's
 * entry on purpose. Two names that collide share a count: one in 2^64 reaches its limit too early.
 * Threading: none, one loop owns it. */
#include "pace/tally.h"

#include <assert.h>
#include <sodium.h>

static_assert(sizeof(((struct tally *)0)->key) == crypto_shorthash_KEYBYTES, "the hash's key");

void tally_init(struct tally *tally)
{
    memset(tally, 0, sizeof(*tally));
    crypto_shorthash_keygen(tally->key);
}

static uint64_t hash_of(const struct tally *tally, struct span who)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)who.ptr, who.len, tally->key);
    return hash;
}

uint64_t tally_wait_ms(const struct tally *tally, struct span who, uint32_t max, uint64_t now_ms)
{
    assert(max > 0);
    uint64_t hash = hash_of(tally, who);
    const struct tally_slot *set = tally->slot[hash % TALLY_SETS];
    for (unsigned i = 0; i < TALLY_WAYS; i++) {
        if (set[i].who == hash && set[i].ends_ms > now_ms)
            return set[i].count < max ? 0 : set[i].ends_ms - now_ms;
    }
    return 0;
}

/* Returns the name's slot, or the one whose minute ends first. */
static struct tally_slot *take_slot(struct tally *tally, uint64_t hash)
{
    struct tally_slot *set = tally->slot[hash % TALLY_SETS], *first = set;
    for (unsigned i = 0; i < TALLY_WAYS; i++) {
        if (set[i].who == hash)
            return &set[i];
        if (set[i].ends_ms < first->ends_ms)
            first = &set[i];
    }
    return first;
}

static void count(struct tally *tally, struct span who, uint32_t by, uint64_t now_ms,
                  uint64_t for_ms)
{
    uint64_t hash = hash_of(tally, who);
    struct tally_slot *slot = take_slot(tally, hash);
    if (slot->who != hash || slot->ends_ms <= now_ms)
        *slot = (struct tally_slot){.who = hash, .ends_ms = now_ms + for_ms};
    slot->count = by > UINT32_MAX - slot->count ? UINT32_MAX : slot->count + by;
    assert(slot->who == hash && slot->count > 0);
}

void tally_add(struct tally *tally, struct span who, uint64_t now_ms)
{
    count(tally, who, 1, now_ms, TALLY_MINUTE_MS);
}

void tally_fill(struct tally *tally, struct span who, uint64_t now_ms, uint64_t for_ms)
{
    count(tally, who, UINT32_MAX, now_ms, for_ms);
}
