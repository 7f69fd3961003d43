/* cut.h: one cut of a sharded line: how many joins each shard added since the previous cut, and the
 * order of these joins in the line.
 *
 * A shard numbers its own joins 1, 2, 3, ... and does not know the others. A cut, published once
 * and never changed, says which of them come next, and their places follow by integer arithmetic:
 * every front computes the same. Within a cut the i-th of d joins of a shard counts as arrived at
 * (2i - 1) / 2d of the cut's time; equal times are ordered by the shard's number. */
#ifndef FG_QUEUE_FRONT_CORE_CUT_H
#define FG_QUEUE_FRONT_CORE_CUT_H

#include "base/err.h"
#include "base/text.h"
#include "queue-front/lua/line_names.h" /* CUT_SHARDS_MAX, CUTS_MAX, LINE_PLACE_MAX */

#include <stdbool.h>
#include <stdint.h>

enum cut_kind {
    CUT_JOINS,
    CUT_HOLE, /* joins of one shard that it may have given out and then lost */
    CUT_GAP,  /* of no shard: places that lost cuts may have given; in grown[0] */
    CUT_KIND_COUNT,
};

struct cut {
    uint32_t grown[CUT_SHARDS_MAX]; /* per shard */
    enum cut_kind kind;
};

/* One join of a cut: the shard, and the join's number among the shard's in the cut, from 1. */
struct cut_join {
    uint8_t shard;
    uint32_t nth;
};

enum {
    CUT_SHARD_JOINS_MAX = 1 << 30,              /* LINE_PLACE_MAX; twice its square is 2^61 */
    CUT_TEXT_MAX = 2 + CUT_SHARDS_MAX * 11 - 1, /* longest text of cut_put() */
};

/* Not empty, only existing shards grew, a hole is one shard's, and none grew by more than
 * CUT_SHARD_JOINS_MAX. */
bool cut_ok(const struct cut *cut, uint8_t shards);
uint64_t cut_places(const struct cut *cut, uint8_t shards);
/* By how much a shard's numbers grew; a gap adds none. */
static inline uint32_t cut_grown(const struct cut *cut, uint8_t shard)
{
    return cut->kind == CUT_GAP ? 0 : cut->grown[shard];
}

/* The checksum of this cut and all before it; `before`: the previous cut's, 0 for the first. */
uint32_t cut_sum(uint32_t before, const struct cut *cut, uint8_t shards);

/* The rank of a join in its cut, from 1, and the inverse. The join or rank must exist, and the cut
 * must not be a gap. O(K), and O(K * K * log of the joins). */
uint64_t cut_rank(const struct cut *cut, uint8_t shards, struct cut_join join);
struct cut_join cut_at(const struct cut *cut, uint8_t shards, uint64_t rank);

/* The text in Redis, "1c12,,7" or, a hole, "1h,,4096", or a gap, "1g128,,": the version of the
 * format, the kind, and by how much each shard grew, empty for 0. A cut has one text only. */
void cut_put(struct text *text, const struct cut *cut, uint8_t shards);
/* ERR_SYNTAX: not a text of cut_put(). */
int cut_parse(struct span text, uint8_t shards, struct cut *out, struct err_slot *err);

#endif
