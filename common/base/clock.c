/* clock.c: see clock.h. */
#include "base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static uint64_t system_mono_us(void *ctx)
{
    (void)ctx;
    return read_us(CLOCK_MONOTONIC);
}

static uint64_t system_wall_us(void *ctx)
{
    (void)ctx;
    return read_us(CLOCK_REALTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock system = {system_mono_us, system_wall_us, NULL};
    return &system;
}

static uint64_t fake_mono_us(void *ctx)
{
    const struct clock_fake *fake = ctx;
    return fake->now_mono_us;
}

static uint64_t fake_wall_us(void *ctx)
{
    const struct clock_fake *fake = ctx;
    return fake->now_wall_us;
}

void clock_fake_init(struct clock_fake *fake, uint64_t wall_us)
{
    fake->clock = (struct clock){fake_mono_us, fake_wall_us, fake};
    fake->now_mono_us = 1000000; /* not 0: a forgotten timestamp should show */
    fake->now_wall_us = wall_us;
}

void clock_fake_step(struct clock_fake *fake, uint64_t us)
{
    fake->now_mono_us += us;
    fake->now_wall_us += us;
}
