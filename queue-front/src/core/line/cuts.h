/* cuts.h: the published cuts of a line that is kept in shards. They make a place of a shard and a
 * number of that shard, the same on every front and for ever.
 *
 * Places are unique and without a gap, but for holes: what a shard may have given out before it was
 * lost, and nobody can tell any more. A hole is a cut of its own, so its places are adjacent.
 * A visitor with a number of a hole has the place of that number. Where cuts were lost with
 * all who knew them, such a stretch of places is of no shard.
 *
 * With one shard a number is its place. Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_CUTS_H
#define FG_QUEUE_FRONT_CORE_CUTS_H

#include "core/line/cut.h"

struct cuts;

struct cuts_spot {
    enum cut_kind kind;
    uint8_t shard;   /* not of a gap */
    uint64_t number; /* of the shard, from 1; 0: of a gap */
};

/* For 1 to CUT_SHARDS_MAX shards; NULL: no memory. */
struct cuts *cuts_create(uint8_t shards);
void cuts_destroy(struct cuts *cuts);

uint32_t cuts_count(const struct cuts *cuts);
uint64_t cuts_places(const struct cuts *cuts); /* places that all cuts together give */
/* Up to which number a shard's joins have places. */
uint64_t cuts_upto(const struct cuts *cuts, uint8_t shard);
/* The checksum of the first so many of them, which there are. O(1). */
uint32_t cuts_sum(const struct cuts *cuts, uint32_t count);
size_t cuts_bytes(const struct cuts *cuts); /* of memory */

/* Cut `nth`, from 1. They come in their order: ERR_STATE if one is missing before it. One that is
 * there already may come again, and ERR_EXISTS says that another one was published as this.
 * ERR_FULL beyond CUTS_MAX or LINE_PLACE_MAX places. After an error nothing has
 * changed. */
int cuts_add(struct cuts *cuts, uint32_t nth, const struct cut *cut, struct err_slot *err);
/* False: there is none. O(1). */
bool cuts_get(const struct cuts *cuts, uint32_t nth, struct cut *out);

/* 0: no cut has this number yet. O(log of the cuts + K). */
uint64_t cuts_place(const struct cuts *cuts, uint8_t shard, uint64_t number);
/* False: nobody has this place yet. */
bool cuts_spot(const struct cuts *cuts, uint64_t place, struct cuts_spot *out);

/* How long after a cut the next one is due, if somebody has joined since: 20 ms, and longer once
 * there are very many. */
uint32_t cuts_step_ms(const struct cuts *cuts);

#endif
