/* moves.c: a hash table that only grows: a place that has moved once never counts as unmoved. */
#include "core/line/moves.h"

#include <assert.h>
#include <stdlib.h>

enum { CAP_MIN = 64 };

static_assert((MOVES_PLACES_MAX & (MOVES_PLACES_MAX - 1)) == 0, "half of a power of two");

static uint64_t entry_of(uint64_t slot)
{
    return slot >> 8;
}

/* The slot of an entry, or the free one where it belongs. Entries are numbers given in turn:
 * multiplied, they are spread. */
static uint32_t find(const struct moves *moves, uint64_t entry)
{
    uint32_t mask = moves->cap - 1;
    uint32_t at = (uint32_t)((entry * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
    while (moves->slot[at] != 0 && entry_of(moves->slot[at]) != entry)
        at = (at + 1) & mask;
    return at;
}

static bool grow(struct moves *moves)
{
    struct moves grown = {.cap = moves->cap == 0 ? CAP_MIN : moves->cap * 2, .len = moves->len};
    grown.slot = calloc(grown.cap, sizeof(*grown.slot));
    if (grown.slot == NULL)
        return false;
    for (uint32_t i = 0; i < moves->cap; i++) {
        if (moves->slot[i] != 0)
            grown.slot[find(&grown, entry_of(moves->slot[i]))] = moves->slot[i];
    }
    /* What was being told has new places now: from the beginning. */
    grown.told = moves->told == moves->cap ? grown.cap : 0;
    free(moves->slot);
    *moves = grown;
    return true;
}

void moves_deinit(struct moves *moves)
{
    free(moves->slot);
    *moves = (struct moves){0};
}

bool moves_note(struct moves *moves, struct move move)
{
    assert(move.entry > 0 && move.moves > 0);
    if (moves->len * 2 >= moves->cap) {
        if (moves->len >= MOVES_PLACES_MAX || !grow(moves))
            return moves_of(moves, move.entry) >= move.moves;
    }
    uint64_t *slot = &moves->slot[find(moves, move.entry)];
    if (*slot == 0)
        moves->len++;
    if ((uint8_t)*slot < move.moves)
        *slot = move.entry << 8 | move.moves;
    return true;
}

uint8_t moves_of(const struct moves *moves, uint64_t entry)
{
    return moves->len == 0 ? 0 : (uint8_t)moves->slot[find(moves, entry)];
}

void moves_tell_again(struct moves *moves)
{
    moves->told = 0;
}

uint32_t moves_pick(const struct moves *moves, struct move out[MOVES_SEND_MAX], uint32_t *upto)
{
    uint32_t len = 0, at = moves->told;
    for (; at < moves->cap && len < MOVES_SEND_MAX; at++) {
        if (moves->slot[at] != 0)
            out[len++] = (struct move){entry_of(moves->slot[at]), (uint8_t)moves->slot[at]};
    }
    *upto = at;
    return len;
}
