/* ghosts.c: each tick counts some blocks, from where the last one stopped, so the picture of a line
 * of a million is whole every six seconds. Sums are made once a tick; a poll reads two of them.
 *
 * While the line moves through a block its count is a tick old: the count is cut to the places that
 * are left of it, so that nobody ever has fewer than nobody ahead. */
#include "core/ghosts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(HEARD_BLOCK_PLACES <= UINT16_MAX, "a block's ghosts fit their count");

void ghosts_deinit(struct ghosts *ghosts)
{
    free(ghosts->in_block);
    free(ghosts->before);
    *ghosts = (struct ghosts){0};
}

static bool make_room(struct ghosts *ghosts, uint32_t blocks)
{
    if (blocks <= ghosts->cap)
        return true;
    uint32_t cap = blocks + blocks / 4 + HEARD_SEND_MAX;
    uint16_t *in_block = realloc(ghosts->in_block, cap * sizeof(*in_block));
    if (in_block == NULL)
        return false;
    ghosts->in_block = in_block;
    uint32_t *before = realloc(ghosts->before, cap * sizeof(*before));
    if (before == NULL)
        return false;
    ghosts->before = before;
    memset(in_block + ghosts->cap, 0, (cap - ghosts->cap) * sizeof(*in_block));
    ghosts->cap = cap;
    return true;
}

static void forget(struct ghosts *ghosts)
{
    ghosts->judged = 0;
    ghosts->total = ghosts->next = 0;
    if (ghosts->in_block != NULL)
        memset(ghosts->in_block, 0, ghosts->cap * sizeof(*ghosts->in_block));
}

static uint32_t last_block(const struct ghosts *ghosts)
{
    return (uint32_t)(ghosts->judged / HEARD_BLOCK_PLACES);
}

static void add_up(struct ghosts *ghosts)
{
    uint32_t sum = 0;
    for (uint32_t block = ghosts->first; block <= last_block(ghosts); block++) {
        ghosts->before[block] = sum;
        sum += ghosts->in_block[block];
    }
    ghosts->total = sum;
}

void ghosts_take(struct ghosts *ghosts, const struct ghosts_count *count)
{
    uint64_t last = count->judged / HEARD_BLOCK_PLACES;
    if (count->judged <= count->serving || last >= HEARD_BLOCKS_MAX ||
        !make_room(ghosts, (uint32_t)last + 1)) {
        forget(ghosts);
        return;
    }
    ghosts->judged = count->judged;
    ghosts->serving = count->serving;
    ghosts->first = (uint32_t)((count->serving + 1) / HEARD_BLOCK_PLACES);
    for (uint32_t i = 0; i < count->len; i++) {
        uint64_t block = count->first + i;
        if (block <= last && count->in_block[i] <= HEARD_BLOCK_PLACES)
            ghosts->in_block[block] = count->in_block[i];
    }
    uint64_t next = count->first + count->len;
    ghosts->next = next > last ? 0 : (uint32_t)next;
    add_up(ghosts);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t ghosts_before(const struct ghosts *ghosts, uint64_t serving, uint64_t place)
{
    if (ghosts == NULL || ghosts->judged == 0 || place <= serving + 1)
        return 0;
    if (place > ghosts->judged)
        return min_u64(ghosts->total, place - serving - 1);
    uint32_t block = (uint32_t)(place / HEARD_BLOCK_PLACES);
    if (block < ghosts->first)
        return 0;
    uint64_t start = (uint64_t)block * HEARD_BLOCK_PLACES;
    uint64_t low = start > ghosts->serving ? start : ghosts->serving + 1;
    uint64_t end = start + HEARD_BLOCK_PLACES - 1;
    uint64_t high = min_u64(end, ghosts->judged);
    uint64_t share = 0;
    if (place > low)
        share = ghosts->in_block[block] * (place - low) / (high - low + 1);
    return min_u64(ghosts->before[block] + share, place - serving - 1);
}

uint64_t ghosts_waiting(const struct ghosts *ghosts)
{
    return ghosts != NULL ? ghosts->total : 0;
}
