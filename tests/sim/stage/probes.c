/* probes.c: counts of probes. */
#include "stage/probes.h"

static uint64_t counts[PROBE_COUNT];

static const char *const says[PROBE_COUNT] = {
#define SAYS(NAME, WHAT) [PROBE_##NAME] = WHAT,
    PROBES(SAYS)
#undef SAYS
};

void probe_reached(enum probe probe)
{
    counts[probe] += 1;
}

uint64_t probe_count(enum probe probe)
{
    return counts[probe];
}

const char *probe_says(enum probe probe)
{
    return says[probe];
}
