/* clock.h: the time as an argument. Production passes clock_system(); a test owns a clock_fake and
 * moves it by hand. */
#ifndef FG_BASE_CLOCK_H
#define FG_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t (*mono_us)(void *ctx); /* never goes back; for durations and timers */
    uint64_t (*wall_us)(void *ctx); /* since 1970; for people and other machines */
    void *ctx;
};

static inline uint64_t clock_mono_us(const struct clock *clock)
{
    return clock->mono_us(clock->ctx);
}

static inline uint64_t clock_wall_us(const struct clock *clock)
{
    return clock->wall_us(clock->ctx);
}

/* The minimum distance between this wall clock and another one, in milliseconds. The other clock
 * showed `theirs_us` at some moment since `asked_mono_us`, so the time that took does not count. */
uint64_t clock_apart_ms(const struct clock *clock, uint64_t asked_mono_us, uint64_t theirs_us);

const struct clock *clock_system(void);

struct clock_fake {
    struct clock clock; /* pass &fake->clock */
    uint64_t now_mono_us;
    uint64_t now_wall_us;
};

void clock_fake_init(struct clock_fake *fake, uint64_t wall_us);
void clock_fake_step(struct clock_fake *fake, uint64_t us); /* advances both clocks */

#endif
