/* moves.c: a list that only grows, and a table over it.
 *
 * A moved place never counts as unmoved again, so nothing is removed and a number in the table
 * stays valid. New entries go to the end: resending all of them to Redis is a walk along the list,
 * and `sent` is its position.
 *
 * Running out of memory or room is harmless. Such a place looks unmoved on this front, so its old
 * ticket still gets answers, but Redis checks everybody who wants to enter. */
#include "core/line/moves.h"

#include <assert.h>
#include <stdlib.h>

enum { CAP_MIN = 64 };

static uint64_t entry_of(uint64_t place)
{
    return place >> 8;
}

static bool is_of(const void *ctx, uint32_t at, const void *entry)
{
    const struct moves *moves = ctx;
    assert(at < moves->len);
    return entry_of(moves->place[at]) == *(const uint64_t *)entry;
}

static uint32_t find(const struct moves *moves, uint64_t entry)
{
    return table_find(&moves->by_entry, table_hash_u64(entry), is_of, moves, &entry);
}

void moves_deinit(struct moves *moves)
{
    free(moves->place);
    table_deinit(&moves->by_entry);
    *moves = (struct moves){0};
}

bool moves_note(struct moves *moves, struct move move)
{
    assert(move.entry > 0);
    assert(move.moves > 0);
    assert(entry_of(move.entry << 8) == move.entry); /* fits next to the count */
    uint32_t at = find(moves, move.entry);
    if (at == TABLE_NONE) {
        if (moves->len == moves->cap) {
            uint32_t cap = moves->cap == 0 ? CAP_MIN : moves->cap * 2;
            uint64_t *place = NULL;
            if (moves->len < MOVES_PLACES_MAX)
                place = realloc(moves->place, cap * sizeof(*place));
            if (place == NULL)
                return false;
            moves->place = place;
            moves->cap = cap;
        }
        assert(moves->len < moves->cap);
        if (table_add(&moves->by_entry, table_hash_u64(move.entry), moves->len, NULL) < 0)
            return false;
        /* This move came from Redis, so Redis need not get it unless it loses all. */
        if (moves->sent == moves->len)
            moves->sent++;
        moves->place[moves->len++] = move.entry << 8 | move.moves;
        assert(moves->sent <= moves->len);
        assert(moves->len <= moves->cap);
        return true;
    }
    if ((uint8_t)moves->place[at] < move.moves)
        moves->place[at] = move.entry << 8 | move.moves;
    assert(moves_of(moves, move.entry) >= move.moves); /* the count never falls */
    return true;
}

uint8_t moves_of(const struct moves *moves, uint64_t entry)
{
    uint32_t at = find(moves, entry);
    return at == TABLE_NONE ? 0 : (uint8_t)moves->place[at];
}

void moves_send_again(struct moves *moves)
{
    moves->sent = 0;
}

static uint32_t list_from(const struct moves *moves, uint32_t from, struct move *out)
{
    assert(from <= moves->len);
    uint32_t len = 0;
    for (uint32_t at = from; at < moves->len && len < MOVES_SEND_MAX; at++)
        out[len++] = (struct move){entry_of(moves->place[at]), (uint8_t)moves->place[at]};
    return len;
}

uint32_t moves_pick(const struct moves *moves, struct move out[MOVES_SEND_MAX], uint32_t *upto)
{
    uint32_t len = list_from(moves, moves->sent, out);
    *upto = moves->sent + len;
    assert(*upto <= moves->len);
    return len;
}

uint32_t moves_newest(const struct moves *moves, struct move out[MOVES_SEND_MAX])
{
    return list_from(moves, moves->len > MOVES_SEND_MAX ? moves->len - MOVES_SEND_MAX : 0, out);
}
