/* heard.h: whom one front has heard from lately: a bit for each place, in blocks of 1,024.
 *
 * A poll sets a bit in memory that is there already. The tick takes along the blocks that have
 * changed, a few at a time, so a visitor who waits costs Redis nothing. Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_HEARD_H
#define FG_QUEUE_FRONT_CORE_HEARD_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HEARD_BLOCK_PLACES = 1024,
    HEARD_BLOCK_BYTES = HEARD_BLOCK_PLACES / 8,
    /* Blocks in one tick: 2 KB, and a hundred small commands inside the script. A line of a million
     * is told whole in six seconds. */
    HEARD_SEND_MAX = 16,
    /* 16.8 million places, 2 MB of marks. Who stands further back counts as there. */
    HEARD_BLOCKS_MAX = 16384,
    /* Room is made for so many places more than were issued, for those who join until the next
     * tick; who falls outside is marked by the next poll. */
    HEARD_AHEAD_PLACES = 65536,
};

struct heard {
    uint8_t *bits;  /* blocks * HEARD_BLOCK_BYTES; the highest bit of a byte is the lowest place */
    uint8_t *dirty; /* a flag for each block: marks in it that were not sent yet */
    uint32_t blocks;
    uint32_t dirty_len;
    uint32_t next; /* where the search for dirty blocks goes on */
    uint64_t epoch;
    uint32_t sent[HEARD_SEND_MAX]; /* on their way */
    uint32_t sent_len;
};

void heard_deinit(struct heard *heard);
/* Makes room for a line of so many places. Without memory the line is marked as far as it goes. */
void heard_reserve(struct heard *heard, uint64_t issued);
/* Another epoch forgets everybody: whoever is there will be heard anew. */
void heard_turn(struct heard *heard, uint64_t epoch);
/* This visitor was here just now. O(1), no allocation. */
void heard_mark(struct heard *heard, uint64_t place);

/* Picks up to HEARD_SEND_MAX changed blocks into `sent`. Each pick ends with heard_sent(): if they
 * did not arrive, they are picked again. */
uint32_t heard_pick(struct heard *heard);
struct span heard_block(const struct heard *heard, uint32_t block);
void heard_sent(struct heard *heard, bool arrived);

#endif
