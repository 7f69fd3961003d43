/* moves.h: which places of a line were carried to another device, and how often. A ticket made
 * before the last move holds nothing any more. Few places ever move, so each front knows them all:
 * the ticks tell those that are new, and a poll looks them up here without asking Redis.
 *
 * Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_MOVES_H
#define FG_QUEUE_FRONT_CORE_MOVES_H

#include "base/table.h"
#include "queue-front/lua/line_names.h" /* MOVES_OF_PLACE_MAX, MOVES_PLACES_MAX */

#include <stdbool.h>
#include <stdint.h>

enum {
    MOVES_SEND_MAX = 256, /* told to Redis in one tick, after it has lost them */
};

struct moves {
    uint64_t *place; /* entry << 8 | moves, in the order in which they became known */
    uint32_t cap, len;
    uint32_t told; /* places before this one were told to Redis, or need not be */
    struct table by_entry;
};

struct move {
    uint64_t entry;
    uint8_t moves;
};

void moves_deinit(struct moves *moves);

/* A place was moved so often, or more often than is known. False without memory or room; then the
 * place is as it was, here alone: Redis judges those who want to enter. */
bool moves_note(struct moves *moves, struct move move);

/* How often a place was moved, as far as is known. O(1). */
uint8_t moves_of(const struct moves *moves, uint64_t entry);

/* For a Redis that has lost them: all from the beginning, some at a time. */
void moves_tell_again(struct moves *moves);
/* The next ones, and up to which place they reach: to be set as `told` when they have arrived. */
uint32_t moves_pick(const struct moves *moves, struct move out[MOVES_SEND_MAX], uint32_t *upto);

#endif
