/* moves.h: which places of a line moved to another device, and how often. A ticket made before the
 * last move is void. Few places ever move, so each front knows all of them: ticks bring the new
 * ones, and a poll looks its place up here without calling Redis.
 *
 * Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_MOVES_H
#define FG_QUEUE_FRONT_CORE_MOVES_H

#include "base/table.h"
#include "queue-front/lua/line_names.h" /* MOVES_OF_PLACE_MAX, MOVES_PLACES_MAX */

#include <stdbool.h>
#include <stdint.h>

enum {
    MOVES_SEND_MAX = 256, /* sent to Redis per tick or heal, after it has lost them */
};

struct moves {
    uint64_t *place; /* entry << 8 | moves, in the order of arrival */
    uint32_t cap, len;
    uint32_t sent; /* places before this one were sent to Redis, or need not be */
    struct table by_entry;
};

struct move {
    uint64_t entry;
    uint8_t moves;
};

void moves_deinit(struct moves *moves);

/* Sets a place's number of moves, unless a higher one is known. False: no memory or room, and the
 * place is unchanged on this front. Redis checks each entry. */
bool moves_note(struct moves *moves, struct move move);

/* A place's number of moves, as far as known. O(1). */
uint8_t moves_of(const struct moves *moves, uint64_t entry);

/* Redis has lost the moves: resends all from the beginning, some at a time. */
void moves_send_again(struct moves *moves);
/* The next ones, and the list position after them: the new `sent`, once they have arrived. */
uint32_t moves_pick(const struct moves *moves, struct move out[MOVES_SEND_MAX], uint32_t *upto);

/* The newest moves known here; returns how many. */
uint32_t moves_newest(const struct moves *moves, struct move out[MOVES_SEND_MAX]);

#endif
