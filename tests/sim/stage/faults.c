/* faults.c: rates and counts of faults. */
#include "stage/faults.h"

#include "stage/sim.h"

#include <string.h>

static const struct {
    const char *name, *says;
    uint32_t usual;
} kinds[FAULT_COUNT] = {
#define KIND(NAME, RATE, WHAT) [FAULT_##NAME] = {#NAME, WHAT, RATE},
    FAULT_KINDS(KIND)
#undef KIND
};

static struct fault_mix mixed;
static uint64_t counts[FAULT_COUNT], ended_us;

const char *fault_name(enum fault fault)
{
    return kinds[fault].name;
}

const char *fault_says(enum fault fault)
{
    return kinds[fault].says;
}

void fault_draw(struct fault_mix *mix, uint64_t seed, bool undisturbed)
{
    static const uint32_t tenths[] = {0, 0, 0, 3, 10, 10, 40};
    struct rng_seeded dice;
    rng_seeded_init(&dice, ~seed);
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        uint64_t rate = (uint64_t)kinds[i].usual *
                        tenths[rng_below(&dice.rng, sizeof(tenths) / sizeof(tenths[0]))] / 10;
        if (undisturbed && i <= FAULT_PG_EPOCH)
            rate = i < FAULT_PG_COMMIT_BUSY ? 0 : 10 * rate; /* of one event alone */
        mix->per_million[i] = rate > 1000000 ? 1000000 : (uint32_t)rate;
    }
}

void fault_begin(const struct fault_mix *mix)
{
    mixed = *mix;
}

void fault_end(void)
{
    memset(&mixed, 0, sizeof(mixed));
    ended_us = sim_us();
}

uint64_t fault_ended_us(void)
{
    return ended_us;
}

bool fault_now(enum fault fault)
{
    if (mixed.per_million[fault] == 0 || sim_below(SIM_FAULTS, 1000000) >= mixed.per_million[fault])
        return false;
    counts[fault] += 1;
    return true;
}

bool fault_within(enum fault fault, uint32_t ms)
{
    if (mixed.per_million[fault] == 0 ||
        sim_below(SIM_FAULTS, 1000000000) >= (uint64_t)mixed.per_million[fault] * ms)
        return false;
    counts[fault] += 1;
    return true;
}

int64_t fault_clock_us(void)
{
    static const int64_t far_us[] = {3 * SIM_S, INT64_C(3600) * SIM_S,
                                     INT64_C(3650) * 86400 * SIM_S};
    if (!fault_now(FAULT_CLOCKS))
        return 0;
    int64_t far = far_us[sim_below(SIM_FAULTS, 3)];
    return sim_below(SIM_FAULTS, 2) == 0 ? far : -far;
}

uint64_t fault_count(enum fault fault)
{
    return counts[fault];
}
