/* judge_owners.c: a hash table of keys and the first who claimed each. It is made for as many keys
 * as there can be and never grows. */
#include "judge/judge_internal.h"

#include <stdlib.h>

struct owner {
    uint64_t key;
    uint32_t visitor; /* number + 1; 0: nobody's */
};

struct judge_owners {
    size_t mask;
    struct owner slot[];
};

struct judge_owners *judge_owners_create(size_t keys_max)
{
    size_t slots = 64;
    while (slots < keys_max * 2)
        slots *= 2;
    struct judge_owners *owners = calloc(1, sizeof(*owners) + slots * sizeof(owners->slot[0]));
    if (owners != NULL)
        owners->mask = slots - 1;
    return owners;
}

void judge_owners_destroy(struct judge_owners *owners)
{
    free(owners);
}

uint32_t judge_owners_claim(struct judge_owners *owners, uint64_t key, uint32_t visitor)
{
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & owners->mask;
    while (owners->slot[at].visitor != 0 && owners->slot[at].key != key)
        at = (at + 1) & owners->mask;
    if (owners->slot[at].visitor == 0)
        owners->slot[at] = (struct owner){key, visitor + 1};
    return owners->slot[at].visitor - 1;
}
