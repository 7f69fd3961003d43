/* ghosts.h: how many of those who wait are not there any more, as the ticks count them by blocks of
 * 1,024 places; so that everybody can be told how many are really ahead. */
#ifndef FG_QUEUE_FRONT_CORE_GHOSTS_H
#define FG_QUEUE_FRONT_CORE_GHOSTS_H

#include "core/heard.h"

struct ghosts {
    uint64_t judged;  /* places up to here were judged; 0: nobody is, all count as there */
    uint64_t serving; /* as of the last count */
    uint32_t first;   /* the block that serving + 1 lies in */
    uint32_t cap;
    uint16_t *in_block;
    uint32_t *before; /* ghosts of all blocks from `first` on that stand before this one */
    uint32_t total;
    uint32_t next; /* the block from which the next tick shall count */
};

struct ghosts_count {
    uint64_t judged;
    uint64_t serving;
    uint64_t first; /* block */
    uint32_t len;
    uint16_t in_block[HEARD_SEND_MAX];
};

void ghosts_deinit(struct ghosts *ghosts);
/* Takes over what one tick has counted. Without memory everybody counts as there. */
void ghosts_take(struct ghosts *ghosts, const struct ghosts_count *count);

/* Ghosts among the waiting places before this one: exact to its block, in proportion within it.
 * NULL: none are known. Never falls as `place` rises, never more than there are places. */
uint64_t ghosts_before(const struct ghosts *ghosts, uint64_t serving, uint64_t place);
uint64_t ghosts_waiting(const struct ghosts *ghosts); /* in the whole line */

#endif
