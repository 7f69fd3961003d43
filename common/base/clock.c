/* clock.c: the two clocks that a program can be given.
 *
 * Time is an argument, so that no test waits and none depends on the date. The system's clock asks
 * the platform (system/system.h); the fake one is two numbers that a test moves. A step moves both
 * together, as in reality, but they start far apart, so code that compares a wall time with a
 * monotonic one fails at once. */
#include "base/clock.h"

#include "system/system.h"

static uint64_t real_mono_us(void *ctx)
{
    (void)ctx;
    return system_mono_us();
}

static uint64_t real_wall_us(void *ctx)
{
    (void)ctx;
    return system_wall_us();
}

uint64_t clock_apart_ms(const struct clock *clock, uint64_t asked_mono_us, uint64_t theirs_us)
{
    uint64_t now_us = clock_wall_us(clock), took_us = clock_mono_us(clock) - asked_mono_us;
    uint64_t asked_us = now_us - took_us;
    if (theirs_us < asked_us)
        return (asked_us - theirs_us) / 1000;
    return theirs_us > now_us ? (theirs_us - now_us) / 1000 : 0;
}

const struct clock *clock_system(void)
{
    static const struct clock system = {real_mono_us, real_wall_us, NULL};
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
    fake->now_mono_us = 1000000; /* not 0: a forgotten timestamp must be noticed */
    fake->now_wall_us = wall_us;
}

void clock_fake_step(struct clock_fake *fake, uint64_t us)
{
    fake->now_mono_us += us;
    fake->now_wall_us += us;
}
