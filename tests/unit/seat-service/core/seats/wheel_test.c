/* wheel_test.c: the timer wheel compared with a plain list of times. */
#include "base/rng.h"
#include "core/seats/wheel.h"
#include "unit.h"

enum { HOLDS = 500, BEGAN_MS = 1000000 };

static struct wheel wheel;
static uint64_t due[HOLDS + 1];

static uint64_t due_of(void *ctx, uint32_t hold)
{
    return ((const uint64_t *)ctx)[hold];
}

static void begin(void)
{
    memset(due, 0, sizeof(due));
    assert_int_equal(wheel_init(&wheel, HOLDS, BEGAN_MS, due_of, due), 0);
}

static void end(void)
{
    wheel_deinit(&wheel);
}

UNIT_BETWEEN(begin, end)

TEST_CASE(every_hold_comes_due_once_at_its_time_and_at_most_a_tick_late)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng_seeded rng;
        uint64_t now = BEGAN_MS;
        rng_seeded_init(&rng, seed);
        for (unsigned step = 0; step < 3000; step++) {
            uint32_t hold = 1 + (uint32_t)rng_below(&rng.rng, HOLDS);
            /* Due in milliseconds to weeks; holds also move to earlier or later, or are removed. */
            if (rng_below(&rng.rng, 8) > 0)
                due[hold] = now + 1 + (rng_u64(&rng.rng) >> (34 + rng_below(&rng.rng, 28)));
            else
                due[hold] = 0;
            wheel_touch(&wheel, hold);
            now += rng_below(&rng.rng, 4) == 0 ? rng_below(&rng.rng, 100000)
                                               : rng_below(&rng.rng, 100);
            uint32_t got;
            while ((got = wheel_due(&wheel, now)) != 0) {
                assert_true(due[got] != 0 && due[got] <= now);
                due[got] = 0;
            }
            for (uint32_t i = 1; i <= HOLDS; i++)
                assert_true(due[i] == 0 || due[i] + WHEEL_TICK_MS > now);
        }
        unit_again();
    }
}

TEST_CASE(a_clock_that_is_set_back_stops_no_expiry)
{
    assert_int_equal(wheel_due(&wheel, 5000000), 0);
    due[7] = 1001000;
    wheel_touch(&wheel, 7);
    assert_int_equal(wheel_due(&wheel, 1000500), 0);
    due[8] = 5001000;
    wheel_touch(&wheel, 8);
    assert_int_equal(wheel_due(&wheel, 5000100), 7);
    assert_int_equal(wheel_due(&wheel, 5001064), 8);
}

/* While the owner reads a hold's time, another thread sets an earlier one and marks the hold. The
 * owner then links the hold by the old time, but the mark stays. */
static uint64_t due_of_met(void *ctx, uint32_t hold)
{
    uint64_t was = due_of(ctx, hold);
    wheel.due_ms = due_of;
    due[hold] = BEGAN_MS + 100;
    wheel_touch(&wheel, hold);
    return was;
}

TEST_CASE(mark_set_while_the_owner_reads_a_time_stays)
{
    wheel.due_ms = due_of_met;
    due[7] = 9000000;
    wheel_touch(&wheel, 7);
    assert_int_equal(wheel_due(&wheel, BEGAN_MS), 0);
    assert_ptr_equal(wheel.due_ms, due_of);
    assert_int_equal(wheel_due(&wheel, BEGAN_MS + 100 + WHEEL_TICK_MS), 7);
}

TEST_CASE(time_beyond_the_range_of_ticks_still_comes_due)
{
    const uint64_t round_ms = WHEEL_TICK_MS * (UINT64_C(1) << 32);
    const uint64_t now = BEGAN_MS;
    due[7] = now + 2 * round_ms;
    wheel_touch(&wheel, 7);
    assert_int_equal(wheel_due(&wheel, now), 0);
    assert_int_equal(wheel_due(&wheel, now + round_ms), 0);
    assert_int_equal(wheel_due(&wheel, now + 2 * round_ms - 1), 0);
    assert_int_equal(wheel_due(&wheel, now + 2 * round_ms + WHEEL_TICK_MS), 7);
}

TEST_CASE(marks_are_collected_once_a_tick)
{
    const uint64_t now = BEGAN_MS / WHEEL_TICK_MS * WHEEL_TICK_MS;
    assert_int_equal(wheel_due(&wheel, now), 0);
    due[7] = now;
    wheel_touch(&wheel, 7);
    assert_int_equal(wheel_due(&wheel, now + WHEEL_TICK_MS - 1), 0);
    assert_int_equal(wheel_due(&wheel, now + WHEEL_TICK_MS), 7);
}
