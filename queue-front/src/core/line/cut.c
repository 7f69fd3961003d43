/* cut.c: orders the joins of several shards by their assumed arrival without merging them: the
 * number of joins of another shard before a given one is one division.
 *
 * Join i of d_k is at (2i - 1) / 2d_k. Of a shard j with d_j joins, those with an odd number m =
 * 2i' - 1 come before it if m * d_k < (2i - 1) * d_j, or <= if j goes first among equals. */
#include "core/line/cut.h"

#include <assert.h>
#include <string.h>

static_assert(CUT_SHARD_JOINS_MAX == LINE_PLACE_MAX, "a cut may hold a whole line");

static const char VERSION = '1';
static const char KINDS[] = "chg"; /* as enum cut_kind */
static_assert(sizeof(KINDS) - 1 == CUT_KIND_COUNT, "each has a letter");

uint64_t cut_places(const struct cut *cut, uint8_t shards)
{
    assert(shards >= 1 && shards <= CUT_SHARDS_MAX);
    uint64_t places = 0;
    for (uint8_t k = 0; k < shards; k++)
        places += cut->grown[k];
    return places;
}

static uint32_t add_to(uint64_t sum, uint64_t number)
{
    static_assert((CUT_SUM_PRIME * (uint64_t)CUT_SUM_BASE) >> 53 == 0, "exact in Lua, too");
    return (uint32_t)((sum * CUT_SUM_BASE + number) % CUT_SUM_PRIME);
}

uint32_t cut_sum(uint32_t before, const struct cut *cut, uint8_t shards)
{
    assert(before < CUT_SUM_PRIME);
    assert(cut->kind < CUT_KIND_COUNT);
    uint32_t sum = add_to(before, 1 + (uint64_t)cut->kind);
    for (uint8_t k = 0; k < shards; k++)
        sum = add_to(sum, cut->grown[k]);
    return sum;
}

bool cut_ok(const struct cut *cut, uint8_t shards)
{
    unsigned grew = 0;
    for (unsigned k = 0; k < CUT_SHARDS_MAX; k++) {
        grew += cut->grown[k] > 0;
        if (cut->grown[k] > (k < shards ? CUT_SHARD_JOINS_MAX : 0))
            return false;
    }
    if (cut->kind == CUT_JOINS)
        return grew >= 1;
    return grew == 1 && (cut->kind == CUT_HOLE || cut->grown[0] > 0);
}

/* The number of joins of shard j before this one of another shard. */
static uint64_t before(const struct cut *cut, uint8_t j, struct cut_join join)
{
    assert(j != join.shard);
    uint64_t at = (2 * (uint64_t)join.nth - 1) * cut->grown[j];
    if (at == 0)
        return 0;
    if (j > join.shard)
        at--; /* it comes after its equals */
    uint64_t odd_max = at / cut->grown[join.shard];
    uint64_t count = (odd_max + 1) / 2;
    assert(count <= cut->grown[j]);
    return count;
}

uint64_t cut_rank(const struct cut *cut, uint8_t shards, struct cut_join join)
{
    assert(join.shard < shards);
    assert(shards <= CUT_SHARDS_MAX);
    assert(cut->kind != CUT_GAP); /* a gap's places belong to no shard */
    assert(join.nth >= 1 && join.nth <= cut->grown[join.shard]);
    uint64_t rank = join.nth;
    for (uint8_t j = 0; j < shards; j++) {
        if (j != join.shard)
            rank += before(cut, j, join);
    }
    return rank;
}

struct cut_join cut_at(const struct cut *cut, uint8_t shards, uint64_t rank)
{
    assert(rank >= 1 && rank <= cut_places(cut, shards));
    struct cut_join join = {0, 0};
    for (uint8_t k = 0; k < shards; k++) {
        /* The shard's first join at `rank` or later; nth 0: none. */
        uint32_t low = 1, high = cut->grown[k] + 1;
        while (low < high) {
            uint32_t nth = low + (high - low) / 2;
            if (cut_rank(cut, shards, (struct cut_join){k, nth}) < rank)
                low = nth + 1;
            else
                high = nth;
        }
        join = (struct cut_join){k, low <= cut->grown[k] ? low : 0};
        if (join.nth > 0 && cut_rank(cut, shards, join) == rank)
            break;
    }
    assert(join.nth > 0);
    assert(cut_rank(cut, shards, join) == rank); /* every rank has a join */
    return join;
}

void cut_put(struct text *text, const struct cut *cut, uint8_t shards)
{
    assert(cut_ok(cut, shards));
    text_char(text, VERSION);
    text_char(text, KINDS[cut->kind]);
    for (uint8_t k = 0; k < shards; k++) {
        if (k > 0)
            text_char(text, ',');
        if (cut->grown[k] > 0)
            text_u64(text, cut->grown[k]);
    }
}

/* Empty for 0, and no leading zeros, so that a cut has only one text. */
static bool parse_grown(struct span text, uint32_t *out)
{
    uint64_t grown = 0;
    if (text.len > 0 && (text.ptr[0] == '0' || !span_u64(text, CUT_SHARD_JOINS_MAX, &grown)))
        return false;
    *out = (uint32_t)grown;
    return true;
}

int cut_parse(struct span text, uint8_t shards, struct cut *out, struct err_slot *err)
{
    assert(shards >= 1 && shards <= CUT_SHARDS_MAX);
    const char *kind = text.len < 2 ? NULL : memchr(KINDS, text.ptr[1], CUT_KIND_COUNT);
    if (kind == NULL || text.ptr[0] != VERSION)
        return err_set(err, ERR_SYNTAX, "a cut of a kind or version that is not known");
    struct cut cut = {.kind = (enum cut_kind)(kind - KINDS)};
    struct span rest = span_skip(text, 2);
    for (uint8_t k = 0; k < shards; k++) {
        struct span grown;
        if (rest.ptr == NULL)
            return err_set(err, ERR_SYNTAX, "a cut of %u shards, where there are %u", k, shards);
        rest = span_cut(rest, ',', &grown);
        if (!parse_grown(grown, &cut.grown[k]))
            return err_set(err, ERR_SYNTAX, "a cut in which shard %u grew by what is no number", k);
    }
    if (rest.ptr != NULL || !cut_ok(&cut, shards))
        return err_set(err, ERR_SYNTAX, "a cut that no line of %u shards can have", shards);
    *out = cut;
    return 0;
}
