/* cuts_sim.h: how far from their order of arrival people stand in a line that is kept in shards. In
 * virtual time, by the cuts and places of production. Deterministic for a seed. */
#ifndef FG_QUEUE_FRONT_SIM_CUTS_SIM_H
#define FG_QUEUE_FRONT_SIM_CUTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct cuts_sim_ask {
    uint64_t seed;
    uint32_t joins, joins_per_s;
    uint8_t shards; /* 1: places are numbers of the one shard, as ever, and nothing is cut */
    uint32_t fronts;
    uint32_t late_us; /* of one shard: by how much later joins reach it, while its length is read in
                         time */
};

struct cuts_sim_result {
    /* Between where somebody stands and would stand by the moment of arrival, as the time in which
     * so many arrive. */
    double moved_p50_ms, moved_p99_ms, moved_max_ms;
    double answered_p50_ms, answered_p99_ms; /* from arrival until the place is known */
    uint32_t cuts;
    bool whole; /* all places were given, each once */
};

/* False: no memory. */
bool cuts_sim_run(const struct cuts_sim_ask *ask, struct cuts_sim_result *out);

#endif
