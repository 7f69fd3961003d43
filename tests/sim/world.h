/* world.h: one run of the world, from a seed. */
#ifndef FG_SIM_WORLD_H
#define FG_SIM_WORLD_H

#include "stage/faults.h"
#include "stage/probes.h"

#include <stdbool.h>
#include <stdint.h>

struct world_conf {
    uint64_t seed;
    bool line;        /* the world of the line, not of the seats */
    bool whole;       /* both: buyers come through the line */
    bool undisturbed; /* faults of the seats hit the gala's neighbours alone */
    uint32_t rows, row_seats, buyers;
    uint32_t sale_s; /* how long buyers arrive and faults happen */
    struct fault_mix mix;
    bool tells;
    bool canary;         /* the money of an order is taken twice */
    const char *history; /* file to write; NULL: no history */
};

struct world_end {
    uint64_t hash, events, us;
    uint32_t orders, completed; /* for the line: joined, and entered */
    uint64_t faults[FAULT_COUNT], probes[PROBE_COUNT];
};

void world_draw(uint64_t seed, bool line, struct world_conf *conf);
/* Returns if no invariant broke. Call it once per process: it never frees the world's memory. */
void world_run(const struct world_conf *conf, struct world_end *end);

#endif
