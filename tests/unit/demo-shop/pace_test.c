/* pace_test.c: a number per second, small bursts, and an honest time to come back. */
#include "unit.h"

#include "pace.h"

static void a_burst_is_allowed_and_then_the_rate(void **state)
{
    (void)state;
    struct pace pace;
    uint64_t wait_us = 0;
    pace_init(&pace, 10, 3, 1000000);
    for (int i = 0; i < 3; i++)
        assert_true(pace_take(&pace, 1000000, &wait_us));
    assert_false(pace_take(&pace, 1000000, &wait_us));
    assert_int_equal(100000, wait_us);
    assert_false(pace_take(&pace, 1099999, &wait_us));
    assert_int_equal(1, wait_us);
    assert_true(pace_take(&pace, 1100000, &wait_us));
}

static void a_long_rest_fills_the_bucket_and_no_more(void **state)
{
    (void)state;
    struct pace pace;
    uint64_t wait_us;
    pace_init(&pace, 100000, 2, 0);
    assert_true(pace_take(&pace, UINT64_MAX / 2, &wait_us));
    assert_true(pace_take(&pace, UINT64_MAX / 2, &wait_us));
    assert_false(pace_take(&pace, UINT64_MAX / 2, &wait_us));
}

static void over_any_second_no_more_than_rate_and_burst_pass(void **state)
{
    (void)state;
    struct rng_seeded rng;
    struct pace pace;
    rng_seeded_init(&rng, unit_seed());
    pace_init(&pace, 50, 10, 0);
    uint64_t now_us = 0;
    uint64_t taken = 0;
    while (now_us < 10000000) {
        uint64_t wait_us;
        now_us += rng_below(&rng.rng, 3000);
        taken += pace_take(&pace, now_us, &wait_us);
    }
    assert_in_range(taken, 500, 10 * 50 + 10);
}

static void a_clock_that_stands_or_steps_back_gives_nothing(void **state)
{
    (void)state;
    struct pace pace;
    uint64_t wait_us;
    pace_init(&pace, 10, 1, 5000000);
    assert_true(pace_take(&pace, 5000000, &wait_us));
    assert_false(pace_take(&pace, 1000000, &wait_us));
    assert_false(pace_take(&pace, 1000000, &wait_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_allowed_and_then_the_rate),
        cmocka_unit_test(a_long_rest_fills_the_bucket_and_no_more),
        cmocka_unit_test(over_any_second_no_more_than_rate_and_burst_pass),
        cmocka_unit_test(a_clock_that_stands_or_steps_back_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
