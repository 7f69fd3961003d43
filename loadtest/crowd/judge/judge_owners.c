/* judge_owners.c: remembers who claimed each key first, and finds the second.
 *
 * A key is a seat, a place, a ticket: whatever may have one owner. A service that is wrong could
 * give a visitor any number of them, so there is no bound but memory; without memory the judge
 * says so rather than finding nothing. */
#include "base/table.h"
#include "judge/judge_internal.h"

#include <assert.h>
#include <stdlib.h>

struct owner {
    uint64_t key;
    uint32_t visitor;
};

struct judge_owners {
    struct table by_key;
    struct owner *owner;
    size_t len, cap;
    bool spoilt; /* by a lack of memory */
};

struct judge_owners *judge_owners_create(void)
{
    return calloc(1, sizeof(struct judge_owners));
}

void judge_owners_destroy(struct judge_owners *owners)
{
    if (owners == NULL)
        return;
    table_deinit(&owners->by_key);
    free(owners->owner);
    free(owners);
}

static bool is_of(const void *ctx, uint32_t number, const void *key)
{
    const struct judge_owners *owners = ctx;
    return owners->owner[number].key == *(const uint64_t *)key;
}

uint32_t judge_owners_claim(struct judge_owners *owners, uint64_t key, uint32_t visitor)
{
    uint64_t hash = table_hash_u64(key);
    uint32_t number = table_find(&owners->by_key, hash, is_of, owners, &key);
    if (number != TABLE_NONE)
        return owners->owner[number].visitor;
    if (!judge_room((void **)&owners->owner, owners->len, &owners->cap, sizeof(struct owner)) ||
        table_add(&owners->by_key, hash, (uint32_t)owners->len, NULL) < 0) {
        owners->spoilt = true;
        return visitor;
    }
    owners->owner[owners->len++] = (struct owner){key, visitor};
    assert(owners->len < TABLE_NONE);
    return visitor;
}

int judge_owners_end(const struct judge_owners *owners, const char *what, struct err_slot *err)
{
    return owners->spoilt ? err_set(err, ERR_NOMEM, "the owner of each %s", what) : 0;
}
