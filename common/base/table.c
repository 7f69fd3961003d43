/* table.c: open addressing with linear probing. The table is at most half full, so probes are short
 * and always end at a free slot. A slot stores the hash next to the number, so most other entries
 * are ruled out without a comparison, and the table can grow without reading any name. Removal
 * moves the following entries up, so no tombstones pile up. */
#include "base/table.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOTS_MIN = 16 };

static uint32_t free_slot(const struct table *table, uint32_t folded)
{
    assert(table->len <= table->mask / 2); /* so a free slot exists */
    uint32_t at = folded & table->mask;
    while (table->slot[at].number != 0)
        at = (at + 1) & table->mask;
    return at;
}

static int resize(struct table *table, uint32_t slots, struct err_slot *err)
{
    assert((slots & (slots - 1)) == 0 && table->len <= slots / 2);
    struct table grown = {.mask = slots - 1, .len = table->len};
    grown.slot = calloc(slots, sizeof(*grown.slot));
    if (grown.slot == NULL)
        return err_set(err, ERR_NOMEM, "table of %u slots", slots);
    for (uint32_t i = 0; table->slot != NULL && i <= table->mask; i++) {
        if (table->slot[i].number != 0)
            grown.slot[free_slot(&grown, table->slot[i].hash)] = table->slot[i];
    }
    free(table->slot);
    *table = grown;
    assert(table->len <= (table->mask + 1) / 2);
    return 0;
}

int table_reserve(struct table *table, uint32_t things, struct err_slot *err)
{
    assert(things <= UINT32_MAX / 4);
    uint32_t have = table->slot != NULL ? table->mask + 1 : 0;
    uint32_t slots = have > SLOTS_MIN ? have : SLOTS_MIN;
    while (slots / 2 < things)
        slots *= 2;
    return slots > have ? resize(table, slots, err) : 0;
}

void table_deinit(struct table *table)
{
    free(table->slot);
    *table = (struct table){0};
}

int table_add(struct table *table, uint64_t hash, uint32_t number, struct err_slot *err)
{
    assert(number != TABLE_NONE);
    int rc = table_reserve(table, table->len + 1, err);
    if (rc < 0)
        return rc;
    uint32_t folded = table_fold(hash);
    table->slot[free_slot(table, folded)] = (struct table_slot){folded, number + 1};
    table->len++;
    return 0;
}

static uint32_t slot_of(const struct table *table, uint64_t hash, uint32_t number)
{
    uint32_t at = table_fold(hash) & table->mask;
    while (table->slot[at].number != number + 1) {
        assert(table->slot[at].number != 0);
        at = (at + 1) & table->mask;
    }
    return at;
}

void table_remove(struct table *table, uint64_t hash, uint32_t number)
{
    assert(table->len > 0);
    uint32_t hole = slot_of(table, hash, number);
    for (uint32_t at = (hole + 1) & table->mask; table->slot[at].number != 0;
         at = (at + 1) & table->mask) {
        uint32_t from_home = (at - table->slot[at].hash) & table->mask;
        if (from_home < ((at - hole) & table->mask))
            continue;
        table->slot[hole] = table->slot[at];
        hole = at;
    }
    assert(table->slot[hole].number != 0);
    table->slot[hole] = (struct table_slot){0};
    table->len--;
}

void table_renumber(struct table *table, uint64_t hash, uint32_t was, uint32_t number)
{
    assert(table->len > 0 && number != TABLE_NONE);
    table->slot[slot_of(table, hash, was)].number = number + 1;
}
