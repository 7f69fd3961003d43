/* cut.h: one cut of a line that is kept in shards: by how many joins each shard grew since the cut
 * before it, and in which order these joins stand in the line.
 *
 * A shard numbers its own joins 1, 2, 3, ... and knows nothing of the others. A cut, published once
 * and never changed, says which of them come next, and their places follow by integers alone: every
 * front computes the same. Within a cut the i-th of d joins of a shard is taken to have come when
 * (2i - 1) / 2d of the cut's time was over; equal times are ordered by the shard's number. */
#ifndef FG_QUEUE_FRONT_CORE_CUT_H
#define FG_QUEUE_FRONT_CORE_CUT_H

#include "base/err.h"
#include "base/text.h"
#include "queue-front/lua/line_names.h" /* CUT_SHARDS_MAX, CUTS_MAX, LINE_PLACE_MAX */

#include <stdbool.h>
#include <stdint.h>

enum cut_kind {
    CUT_JOINS,
    CUT_HOLE, /* the joins are those of one shard that it may have given out and then lost */
    CUT_GAP,  /* of no shard: places that cuts which are lost may have given; told as grown[0] */
    CUT_KIND_COUNT,
};

struct cut {
    uint32_t grown[CUT_SHARDS_MAX]; /* by shard */
    enum cut_kind kind;
};

/* One join of a cut: shard, and which of that shard's joins in the cut, from 1. */
struct cut_join {
    uint8_t shard;
    uint32_t nth;
};

enum {
    CUT_SHARD_JOINS_MAX = 1 << 30,              /* LINE_PLACE_MAX; twice its square is 2^61 */
    CUT_TEXT_MAX = 2 + CUT_SHARDS_MAX * 11 - 1, /* as cut_put() writes it */
};

/* Somebody joined, only shards that there are grew, a hole is one shard's, and none grew by more
 * than CUT_SHARD_JOINS_MAX. */
bool cut_ok(const struct cut *cut, uint8_t shards);
uint64_t cut_places(const struct cut *cut, uint8_t shards);
/* By how much the numbers of a shard grew; those of a gap do not. */
static inline uint32_t cut_grown(const struct cut *cut, uint8_t shard)
{
    return cut->kind == CUT_GAP ? 0 : cut->grown[shard];
}

/* The checksum of this cut and all before it, of which `before` is that; 0: of none. */
uint32_t cut_sum(uint32_t before, const struct cut *cut, uint8_t shards);

/* Where a join stands in its cut, from 1, and the other way round. Both want what is there, and no
 * gap. O(K), and O(K * K * log of the joins). */
uint64_t cut_rank(const struct cut *cut, uint8_t shards, struct cut_join join);
struct cut_join cut_at(const struct cut *cut, uint8_t shards, uint64_t rank);

/* As Redis keeps it, "1c12,,7" or, a hole, "1h,,4096", or a gap, "1g128,,": the version of the
 * format, the kind, and by how much each shard grew, nothing for 0. A cut has one text only. */
void cut_put(struct text *text, const struct cut *cut, uint8_t shards);
/* ERR_SYNTAX for what cut_put() would not write. */
int cut_parse(struct span text, uint8_t shards, struct cut *out, struct err_slot *err);

#endif
