/* moves.h: which places of a line were carried to another device, and how often. A ticket made
 * before the last move is void. Few places ever move, so each front knows all of them: the ticks
 * tell the new ones, and a poll looks its place up here without asking Redis.
 *
 * Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_MOVES_H
#define FG_QUEUE_FRONT_CORE_MOVES_H

#include "base/table.h"
#include "queue-front/lua/line_names.h" /* MOVES_OF_PLACE_MAX, MOVES_PLACES_MAX */

#include <stdbool.h>
#include <stdint.h>

enum {
    MOVES_SEND_MAX = 256, /* told to Redis in one tick or heal, after it has lost them */
};

struct moves {
    uint64_t *place; /* entry << 8 | moves, in the order in which they became known */
    uint32_t cap, len;
    uint32_t told; /* places before this one were sent to Redis, or need not be */
    struct table by_entry;
};

struct move {
    uint64_t entry;
    uint8_t moves;
};

void moves_deinit(struct moves *moves);

/* This place was moved this many times; a lower number than is known changes nothing. False: no
 * memory or room, and the place stays as it was on this front. Redis checks each entry. */
bool moves_note(struct moves *moves, struct move move);

/* How often a place was moved, as far as is known. O(1). */
uint8_t moves_of(const struct moves *moves, uint64_t entry);

/* For a Redis that has lost them: all of them from the beginning, some at a time. */
void moves_tell_again(struct moves *moves);
/* The next ones, and how far in the list they reach: `told`, once they have arrived. */
uint32_t moves_pick(const struct moves *moves, struct move out[MOVES_SEND_MAX], uint32_t *upto);

/* Those that became known last, and how many. */
uint32_t moves_newest(const struct moves *moves, struct move out[MOVES_SEND_MAX]);

#endif
