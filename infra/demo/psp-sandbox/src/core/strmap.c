/* strmap.c: see strmap.h. Open addressing, linear probing, at most half full; removal moves the
 * followers back, so that no tombstones gather while idempotency keys come and go. Hashes are
 * SipHash with a fixed key: texts come from one's own tests, not from an enemy. */
#include "core/strmap.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum { SLOTS_MIN = 64 };

struct slot {
    uint64_t hash; /* 0: empty */
    uint32_t number;
};

struct strmap {
    strmap_text *text_of;
    void *ctx;
    struct slot *slots;
    uint32_t mask; /* slots - 1, slots a power of two */
    uint32_t len;
};

static uint64_t hash_of(struct span text)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "psp-sandbox map";
    static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "a hash is one word");
    uint64_t hash;
    crypto_shorthash((uint8_t *)&hash, (const uint8_t *)text.ptr, text.len, key);
    return hash != 0 ? hash : 1;
}

int strmap_create(strmap_text *text_of, void *ctx, struct err_slot *err, struct strmap **out)
{
    struct strmap *map = calloc(1, sizeof(*map));
    struct slot *slots = calloc(SLOTS_MIN, sizeof(*slots));
    if (map == NULL || slots == NULL) {
        free(map);
        free(slots);
        return err_set(err, ERR_NOMEM, "map of %d slots", SLOTS_MIN);
    }
    *map = (struct strmap){.text_of = text_of, .ctx = ctx, .slots = slots, .mask = SLOTS_MIN - 1};
    *out = map;
    return 0;
}

/* The slot that holds the text, or the empty one where it would go. */
static uint32_t probe(const struct strmap *map, struct span text, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & map->mask;
    while (map->slots[at].hash != 0) {
        if (map->slots[at].hash == hash &&
            span_eq(map->text_of(map->ctx, map->slots[at].number), text))
            break;
        at = (at + 1) & map->mask;
    }
    return at;
}

bool strmap_find(const struct strmap *map, struct span text, uint32_t *number)
{
    uint32_t at = probe(map, text, hash_of(text));
    if (map->slots[at].hash == 0)
        return false;
    *number = map->slots[at].number;
    return true;
}

static int grow(struct strmap *map, struct err_slot *err)
{
    uint32_t mask = map->mask * 2 + 1;
    struct slot *slots = calloc((size_t)mask + 1, sizeof(*slots));
    if (slots == NULL)
        return err_set(err, ERR_NOMEM, "map of %u slots", mask + 1);
    for (uint32_t i = 0; i <= map->mask; i++) {
        if (map->slots[i].hash == 0)
            continue;
        uint32_t at = (uint32_t)map->slots[i].hash & mask;
        while (slots[at].hash != 0)
            at = (at + 1) & mask;
        slots[at] = map->slots[i];
    }
    free(map->slots);
    map->slots = slots;
    map->mask = mask;
    return 0;
}

int strmap_put(struct strmap *map, uint32_t number, struct err_slot *err)
{
    if (map->len >= map->mask / 2) {
        int rc = grow(map, err);
        if (rc < 0)
            return rc;
    }
    struct span text = map->text_of(map->ctx, number);
    uint64_t hash = hash_of(text);
    uint32_t at = probe(map, text, hash);
    assert(map->slots[at].hash == 0);
    map->slots[at] = (struct slot){hash, number};
    map->len++;
    return 0;
}

void strmap_set(struct strmap *map, uint32_t number)
{
    struct span text = map->text_of(map->ctx, number);
    uint32_t at = probe(map, text, hash_of(text));
    assert(map->slots[at].hash != 0);
    map->slots[at].number = number;
}

void strmap_remove(struct strmap *map, struct span text)
{
    uint32_t hole = probe(map, text, hash_of(text));
    assert(map->slots[hole].hash != 0);
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & map->mask;
        if (map->slots[at].hash == 0)
            break;
        /* A follower may fill the hole unless its own place lies behind the hole. */
        uint32_t home = (uint32_t)map->slots[at].hash & map->mask;
        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole].hash = 0;
    map->len--;
}

uint32_t strmap_len(const struct strmap *map)
{
    return map->len;
}

void strmap_destroy(struct strmap *map)
{
    if (map == NULL)
        return;
    free(map->slots);
    free(map);
}
