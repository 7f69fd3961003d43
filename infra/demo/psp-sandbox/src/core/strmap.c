/* strmap.c: common's table over texts stored elsewhere. Hashes are SipHash with a fixed key: the
 * texts come from our own tests, not from an enemy. */
#include "core/strmap.h"

#include "base/table.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

struct strmap {
    strmap_text *text_of;
    void *ctx;
    struct table table;
};

static uint64_t hash_of(struct span text)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = "psp-sandbox map";
    static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "a hash is one word");
    uint64_t hash;
    crypto_shorthash((uint8_t *)&hash, (const uint8_t *)text.ptr, text.len, key);
    return hash;
}

int strmap_create(strmap_text *text_of, void *ctx, struct err_slot *err, struct strmap **out)
{
    struct strmap *map = calloc(1, sizeof(*map));
    if (map == NULL)
        return err_set(err, ERR_NOMEM, "map of %zu bytes", sizeof(*map));
    *map = (struct strmap){.text_of = text_of, .ctx = ctx};
    *out = map;
    return 0;
}

static bool is_of(const void *ctx, uint32_t number, const void *text)
{
    const struct strmap *map = ctx;
    return span_eq(map->text_of(map->ctx, number), *(const struct span *)text);
}

static uint32_t find(const struct strmap *map, struct span text)
{
    return table_find(&map->table, hash_of(text), is_of, map, &text);
}

bool strmap_find(const struct strmap *map, struct span text, uint32_t *number)
{
    uint32_t found = find(map, text);
    if (found == TABLE_NONE)
        return false;
    *number = found;
    return true;
}

int strmap_put(struct strmap *map, uint32_t number, struct err_slot *err)
{
    struct span text = map->text_of(map->ctx, number);
    assert(find(map, text) == TABLE_NONE);
    return table_add(&map->table, hash_of(text), number, err);
}

void strmap_set(struct strmap *map, uint32_t number)
{
    struct span text = map->text_of(map->ctx, number);
    uint32_t was = find(map, text);
    assert(was != TABLE_NONE);
    table_renumber(&map->table, hash_of(text), was, number);
}

void strmap_remove(struct strmap *map, struct span text)
{
    uint32_t number = find(map, text);
    assert(number != TABLE_NONE);
    table_remove(&map->table, hash_of(text), number);
}

uint32_t strmap_len(const struct strmap *map)
{
    return map->table.len;
}

void strmap_destroy(struct strmap *map)
{
    if (map == NULL)
        return;
    table_deinit(&map->table);
    free(map);
}
