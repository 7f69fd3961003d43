/* world.h: one run of the world, from a seed. */
#ifndef FG_SIM_WORLD_H
#define FG_SIM_WORLD_H

#include "stage/faults.h"
#include "stage/probes.h"

#include <stdbool.h>
#include <stdint.h>

struct world_conf {
    uint64_t seed;
    bool line;  /* the world of the line, not that of the seats */
    bool whole; /* both: buyers come through the line */
    uint32_t rows, row_seats, buyers;
    uint32_t sale_s; /* how long buyers come, and things go wrong */
    struct fault_mix mix;
    bool tells;
    bool canary;         /* the money of an order is taken twice */
    const char *history; /* a file for it; NULL: none */
};

struct world_end {
    uint64_t hash, events, us;
    uint32_t orders, completed; /* of the line: who joined, and who entered */
    uint64_t faults[FAULT_COUNT], probes[PROBE_COUNT];
};

void world_draw(uint64_t seed, bool line, struct world_conf *conf);
/* Comes back if nothing was broken. Once in a process, whose memory is the world's. */
void world_run(const struct world_conf *conf, struct world_end *end);

#endif
