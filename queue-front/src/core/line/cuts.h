/* cuts.h: the published cuts of a sharded line. They map a shard and its number to a place, the
 * same on every front and for ever.
 *
 * Places are unique and without gaps, except for holes: numbers that a shard may have given out
 * before it was lost. A hole is its own cut, so its places are adjacent. A visitor with a number of
 * a hole has the place of that number. If all copies of some cuts were lost, a stretch of places
 * belongs to no shard.
 *
 * With one shard a number is its place. Belongs to one loop. */
#ifndef FG_QUEUE_FRONT_CORE_CUTS_H
#define FG_QUEUE_FRONT_CORE_CUTS_H

#include "core/line/cut.h"

struct cuts;

struct cuts_spot {
    enum cut_kind kind;
    uint8_t shard;   /* undefined for a gap */
    uint64_t number; /* in the shard, from 1; 0: a gap */
};

/* For 1 to CUT_SHARDS_MAX shards; NULL: no memory. */
struct cuts *cuts_create(uint8_t shards);
void cuts_destroy(struct cuts *cuts);

uint32_t cuts_count(const struct cuts *cuts);
uint64_t cuts_places(const struct cuts *cuts); /* places of all cuts together */
/* The highest number of a shard's joins that has a place. */
uint64_t cuts_upto(const struct cuts *cuts, uint8_t shard);
/* The checksum of the first `count` cuts, which must exist. O(1). */
uint32_t cuts_sum(const struct cuts *cuts, uint32_t count);
size_t cuts_bytes(const struct cuts *cuts); /* of memory */

/* Adds cut `nth`, from 1. Cuts come in order: ERR_STATE if one is missing before it. An existing
 * cut may come again; ERR_EXISTS if it differs. ERR_FULL beyond CUTS_MAX or LINE_PLACE_MAX places.
 * After an error nothing has changed. */
int cuts_add(struct cuts *cuts, uint32_t nth, const struct cut *cut, struct err_slot *err);
/* False: no such cut. O(1). */
bool cuts_get(const struct cuts *cuts, uint32_t nth, struct cut *out);

/* 0: no cut has this number yet. O(log of the cuts + K). */
uint64_t cuts_place(const struct cuts *cuts, uint8_t shard, uint64_t number);
/* False: the place is not issued yet. */
bool cuts_spot(const struct cuts *cuts, uint64_t place, struct cuts_spot *out);

/* How long after a cut the next one is due, if there were joins since: 20 ms, and longer once there
 * are very many. */
uint32_t cuts_step_ms(const struct cuts *cuts);

#endif
