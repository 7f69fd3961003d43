/* clock_test.c: the two clocks. */
#include "unit.h"

#include "base/clock.h"

#include <time.h>

static void the_system_clock_goes_on_and_knows_the_date(void **state)
{
    (void)state;
    const struct clock *clock = clock_system();
    uint64_t before = clock_mono_us(clock);
    assert_true(clock_mono_us(clock) >= before);
    uint64_t wall_s = clock_wall_us(clock) / 1000000;
    assert_in_range(wall_s, (uintmax_t)time(NULL) - 2, (uintmax_t)time(NULL) + 2);
}

static void a_fake_clock_moves_by_hand_only(void **state)
{
    (void)state;
    struct clock_fake fake;
    clock_fake_init(&fake, 1700000000000000);
    uint64_t mono = clock_mono_us(&fake.clock);
    assert_true(mono > 0);
    assert_int_equal(mono, clock_mono_us(&fake.clock));
    assert_int_equal(1700000000000000, clock_wall_us(&fake.clock));
    clock_fake_step(&fake, 250);
    assert_int_equal(mono + 250, clock_mono_us(&fake.clock));
    assert_int_equal(1700000000000250, clock_wall_us(&fake.clock));
}

static void clocks_are_apart_by_what_no_wait_explains(void **state)
{
    (void)state;
    struct clock_fake fake;
    clock_fake_init(&fake, 1700000000000000);
    uint64_t asked_us = clock_mono_us(&fake.clock), wall_us = clock_wall_us(&fake.clock);
    clock_fake_step(&fake, 4000000);
    static const struct {
        int64_t ahead_us; /* of ours, as the question was asked */
        uint64_t apart_ms;
    } told[] = {
        {-3600000000, 3600000}, {-1000, 1},   {-999, 0},    {0, 0},
        {4000000, 0},           {4000999, 0}, {4001000, 1}, {3604000000, 3600000},
        {2000000, 0},           {-2500, 2},   {4002500, 2},
    };
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        uint64_t theirs_us = (uint64_t)((int64_t)wall_us + told[i].ahead_us);
        assert_int_equal(told[i].apart_ms, clock_apart_ms(&fake.clock, asked_us, theirs_us));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_clock_goes_on_and_knows_the_date),
        cmocka_unit_test(a_fake_clock_moves_by_hand_only),
        cmocka_unit_test(clocks_are_apart_by_what_no_wait_explains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
