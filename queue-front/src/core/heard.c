/* heard.c: a mark that is set already costs a look at one byte, so a visitor who polls every two
 * seconds is sent once an epoch and not at each poll.
 *
 * Blocks go round robin: under a storm of joins every block has its turn, and none is sent twice
 * before all others had theirs. What was picked and did not arrive is dirty again, unless the epoch
 * is over; then it is of no use any more.
 *
 * Invariant: dirty_len is the number of flags set in `dirty`. */
#include "core/heard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void heard_deinit(struct heard *heard)
{
    free(heard->bits);
    free(heard->dirty);
    *heard = (struct heard){0};
}

static bool grow(struct heard *heard, uint32_t blocks)
{
    uint8_t *bits = realloc(heard->bits, (size_t)blocks * HEARD_BLOCK_BYTES);
    if (bits == NULL)
        return false;
    heard->bits = bits;
    uint8_t *dirty = realloc(heard->dirty, blocks);
    if (dirty == NULL)
        return false;
    heard->dirty = dirty;
    uint32_t more = blocks - heard->blocks;
    memset(bits + (size_t)heard->blocks * HEARD_BLOCK_BYTES, 0, (size_t)more * HEARD_BLOCK_BYTES);
    memset(dirty + heard->blocks, 0, more);
    heard->blocks = blocks;
    return true;
}

void heard_reserve(struct heard *heard, uint64_t issued)
{
    uint64_t wanted = (issued + HEARD_AHEAD_PLACES) / HEARD_BLOCK_PLACES + 1;
    uint32_t blocks = wanted < HEARD_BLOCKS_MAX ? (uint32_t)wanted : HEARD_BLOCKS_MAX;
    /* In steps, so that a growing line does not copy its marks ten times a second. */
    if (blocks > heard->blocks)
        grow(heard,
             blocks + blocks / 4 < HEARD_BLOCKS_MAX ? blocks + blocks / 4 : HEARD_BLOCKS_MAX);
}

void heard_turn(struct heard *heard, uint64_t epoch)
{
    if (epoch == heard->epoch)
        return;
    heard->epoch = epoch;
    heard->dirty_len = heard->sent_len = 0;
    if (heard->blocks == 0)
        return;
    memset(heard->bits, 0, (size_t)heard->blocks * HEARD_BLOCK_BYTES);
    memset(heard->dirty, 0, heard->blocks);
}

static void make_dirty(struct heard *heard, uint32_t block)
{
    heard->dirty_len += heard->dirty[block] == 0;
    heard->dirty[block] = 1;
}

void heard_mark(struct heard *heard, uint64_t place)
{
    uint64_t block = place / HEARD_BLOCK_PLACES;
    if (block >= heard->blocks)
        return;
    assert(heard->bits != NULL);
    uint8_t *byte = &heard->bits[place / 8];
    uint8_t mask = (uint8_t)(0x80u >> (place % 8));
    if ((*byte & mask) != 0)
        return;
    *byte |= mask;
    make_dirty(heard, (uint32_t)block);
}

uint32_t heard_pick(struct heard *heard)
{
    assert(heard->sent_len == 0);
    while (heard->dirty_len > 0 && heard->sent_len < HEARD_SEND_MAX) {
        if (heard->next >= heard->blocks)
            heard->next = 0;
        uint32_t block = heard->next++;
        if (heard->dirty[block] == 0)
            continue;
        heard->dirty[block] = 0;
        heard->dirty_len--;
        heard->sent[heard->sent_len++] = block;
    }
    return heard->sent_len;
}

struct span heard_block(const struct heard *heard, uint32_t block)
{
    assert(block < heard->blocks);
    return (struct span){(const char *)heard->bits + (size_t)block * HEARD_BLOCK_BYTES,
                         HEARD_BLOCK_BYTES};
}

void heard_sent(struct heard *heard, bool arrived)
{
    for (uint32_t i = 0; i < heard->sent_len && !arrived; i++)
        make_dirty(heard, heard->sent[i]);
    heard->sent_len = 0;
}
