/* turns.c: two bits for each called place, a list of the few extended calls, and a bit for each
 * entry that was given up.
 *
 * Nearly all news about a place is that its visit ended, or its order went through. So a block has
 * two bits for each of 16,384 neighbouring places. Places are called in order, so at any time few
 * blocks are written to: a ring of them follows the line, and the newest takes the memory of the
 * oldest. Late news for a block that was replaced are dropped. Tried: a table of whole entries that
 * doubled as it filled. At 15,000 called places it took 256 KB, half of which came in one step,
 * late in the sale.
 *
 * An extended call also has a time, so it is in a list with a table over it, until its visit has
 * ended. When the list is full, an old one is dropped.
 *
 * Invariant: a place in the list has no bits. So TURN_KEPT is free among the bits, where it means
 * that a visit was ended, and TURN_ENDED that its time ran out. */
#include "core/line/turns.h"

#include "core/line/line.h"

#include <assert.h>
#include <stdlib.h>

enum {
    WORD_PLACES = 32, /* two bits each */
    KEPT_MIN = 16,
    BITS_ENDED = TURN_KEPT,
};

struct turns_block {
    uint64_t number; /* first place divided by TURNS_BLOCK_PLACES */
    uint64_t word[TURNS_BLOCK_PLACES / WORD_PLACES];
};

struct turns_kept {
    uint64_t until_ms;
    uint32_t place;
    uint8_t times;
};

static_assert(TURN_NONE == 0 && TURN_DONE < 4, "two bits, and an empty block says nothing");
static_assert((TURNS_BLOCKS & (TURNS_BLOCKS - 1)) == 0, "named by the lowest bits");
static_assert((TURNS_KEPT_MAX & (TURNS_KEPT_MAX - 1)) == 0, "reached by doubling");

void turns_deinit(struct turns *turns)
{
    for (uint32_t i = 0; i < TURNS_BLOCKS; i++)
        free(turns->block[i]);
    for (uint32_t i = 0; i < SEEN_PAGES_MAX; i++)
        free(turns->given_up[i]);
    free(turns->kept);
    table_deinit(&turns->kept_by_place);
    *turns = (struct turns){0};
}

static uint64_t number_of(uint64_t place)
{
    return place / TURNS_BLOCK_PLACES;
}

static uint64_t word_of(uint64_t place)
{
    return place % TURNS_BLOCK_PLACES / WORD_PLACES;
}

static unsigned shift_of(uint64_t place)
{
    return (unsigned)(2 * (place % WORD_PLACES));
}

static unsigned bits_of(const struct turns *turns, uint64_t place)
{
    const struct turns_block *block = turns->block[number_of(place) % TURNS_BLOCKS];
    if (block == NULL || block->number != number_of(place))
        return TURN_NONE;
    return block->word[word_of(place)] >> shift_of(place) & 3;
}

/* NULL: no memory, or a later block has replaced it. */
static struct turns_block *block_for(struct turns *turns, uint64_t place)
{
    uint64_t number = number_of(place);
    struct turns_block **at = &turns->block[number % TURNS_BLOCKS];
    if (*at == NULL) {
        *at = calloc(1, sizeof(**at));
        if (*at == NULL)
            return NULL;
        (*at)->number = number;
    }
    if ((*at)->number > number)
        return NULL;
    if ((*at)->number < number)
        **at = (struct turns_block){.number = number};
    assert((*at)->number == number);
    return *at;
}

static void put_bits(struct turns *turns, uint64_t place, unsigned bits)
{
    assert(bits <= 3);
    if (bits_of(turns, place) == bits)
        return; /* or there is nothing to clear */
    struct turns_block *block = block_for(turns, place);
    if (block == NULL)
        return;
    uint64_t *word = &block->word[word_of(place)];
    *word = (*word & ~(UINT64_C(3) << shift_of(place))) | (uint64_t)bits << shift_of(place);
    assert(bits_of(turns, place) == bits);
}

static bool is_of(const void *ctx, uint32_t at, const void *place)
{
    const struct turns *turns = ctx;
    assert(at < turns->kept_len);
    return turns->kept[at].place == *(const uint64_t *)place;
}

static uint32_t find_kept(const struct turns *turns, uint64_t place)
{
    return table_find(&turns->kept_by_place, table_hash_u64(place), is_of, turns, &place);
}

static void forget_kept(struct turns *turns, uint64_t place)
{
    uint32_t at = find_kept(turns, place);
    if (at == TABLE_NONE)
        return;
    table_remove(&turns->kept_by_place, table_hash_u64(place), at);
    uint32_t last = --turns->kept_len;
    if (at != last) {
        turns->kept[at] = turns->kept[last];
        table_renumber(&turns->kept_by_place, table_hash_u64(turns->kept[at].place), last, at);
    }
    assert(find_kept(turns, place) == TABLE_NONE);
}

static bool grow_kept(struct turns *turns)
{
    uint32_t cap = turns->kept_cap == 0 ? KEPT_MIN : turns->kept_cap * 2;
    assert(cap <= TURNS_KEPT_MAX);
    if (table_reserve(&turns->kept_by_place, cap, NULL) < 0)
        return false;
    struct turns_kept *kept = realloc(turns->kept, cap * sizeof(*kept));
    if (kept == NULL)
        return false;
    turns->kept = kept;
    turns->kept_cap = cap;
    return true;
}

/* Where another one may go. TABLE_NONE: no memory. */
static uint32_t room_for_kept(struct turns *turns)
{
    if (turns->kept_len < turns->kept_cap || (turns->kept_len < TURNS_KEPT_MAX && grow_kept(turns)))
        return turns->kept_len++;
    if (turns->kept_len < TURNS_KEPT_MAX)
        return TABLE_NONE;
    uint32_t at = turns->kept_next++ % TURNS_KEPT_MAX;
    table_remove(&turns->kept_by_place, table_hash_u64(turns->kept[at].place), at);
    return at;
}

static void keep(struct turns *turns, struct turn turn)
{
    assert(turn.kind == TURN_KEPT);
    assert(bits_of(turns, turn.place) == TURN_NONE); /* it is in one of the two */
    uint32_t at = find_kept(turns, turn.place);
    if (at == TABLE_NONE) {
        at = room_for_kept(turns);
        if (at == TABLE_NONE)
            return;
        int rc = table_add(&turns->kept_by_place, table_hash_u64(turn.place), at, NULL);
        assert(rc == 0); /* it was reserved */
    }
    turns->kept[at] = (struct turns_kept){turn.until_ms, (uint32_t)turn.place, turn.times};
    assert(turns->kept_len <= turns->kept_cap);
    assert(turns->kept_by_place.len == turns->kept_len);
}

bool turns_gave_up(const struct turns *turns, uint64_t entry)
{
    uint64_t page = entry / SEEN_PAGE_PLACES, at = entry % SEEN_PAGE_PLACES;
    return turns != NULL && page < SEEN_PAGES_MAX && turns->given_up[page] != NULL &&
           (turns->given_up[page][at / 8] >> at % 8 & 1) != 0;
}

static void give_up(struct turns *turns, uint64_t entry)
{
    uint64_t page = entry / SEEN_PAGE_PLACES, at = entry % SEEN_PAGE_PLACES;
    if (page >= SEEN_PAGES_MAX)
        return;
    if (turns->given_up[page] == NULL)
        turns->given_up[page] = calloc(1, SEEN_PAGE_BYTES);
    if (turns->given_up[page] == NULL)
        return;
    turns->given_up[page][at / 8] |= (uint8_t)(1u << at % 8);
    assert(turns_gave_up(turns, entry));
}

void turns_note(struct turns *turns, struct turn turn)
{
    assert(turn.place > 0 && turn.place <= UINT32_MAX);
    assert(turn.kind < TURN_KIND_COUNT);
    if (turn.kind == TURN_GIVEN_UP) {
        give_up(turns, turn.place);
        return;
    }
    if (turns_of(turns, turn.place).ended && turn.kind != TURN_DONE)
        return;
    if (turn.kind == TURN_KEPT) {
        put_bits(turns, turn.place, TURN_NONE);
        keep(turns, turn);
        return;
    }
    forget_kept(turns, turn.place);
    put_bits(turns, turn.place,
             turn.kind == TURN_ENDED && turn.ended ? (unsigned)BITS_ENDED : turn.kind);
}

bool turn_parse(struct span text, struct turn *out)
{
    struct span place, kind, until;
    uint64_t kind_number, times;
    struct turn turn;
    struct span rest = span_cut(span_cut(span_cut(text, ':', &place), ':', &kind), ':', &until);
    if (!span_u64(place, UINT32_MAX, &turn.place) || turn.place == 0 ||
        !span_u64(kind, TURN_KIND_COUNT - 1, &kind_number) ||
        !span_u64(until, LINE_MS_MAX, &turn.until_ms) || !span_u64(rest, UINT8_MAX, &times))
        return false;
    turn.kind = (enum turn_kind)kind_number;
    turn.times = (uint8_t)times;
    turn.ended = turn.kind == TURN_DONE || (turn.kind == TURN_ENDED && times > 0);
    assert(turn.place > 0); /* as turns_note() requires */
    assert(turn.kind < TURN_KIND_COUNT);
    *out = turn;
    return true;
}

struct turn turns_of(const struct turns *turns, uint64_t place)
{
    if (turns == NULL)
        return (struct turn){.kind = TURN_NONE};
    unsigned over = bits_of(turns, place);
    if (over != TURN_NONE)
        return (struct turn){
            .place = place,
            .kind = over == BITS_ENDED ? TURN_ENDED : (enum turn_kind)over,
            .ended = over == BITS_ENDED || over == TURN_DONE,
        };
    uint32_t at = find_kept(turns, place);
    if (at == TABLE_NONE)
        return (struct turn){.kind = TURN_NONE};
    return (struct turn){
        .place = place,
        .until_ms = turns->kept[at].until_ms,
        .kind = TURN_KEPT,
        .times = turns->kept[at].times,
    };
}
