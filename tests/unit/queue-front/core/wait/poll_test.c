/* poll_test.c: how often a visitor asks, over a whole wait. */
#include "core/wait/poll.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct poll_ask waiting(uint32_t p50_s)
{
    return (struct poll_ask){
        .line = LINE_OPEN,
        .place = PLACE_WAITING,
        .eta = {.basis = ETA_MEASURED, .p50_s = p50_s, .p90_s = p50_s + p50_s / 5, .move_s = p50_s},
    };
}

static void near_the_front_a_call_is_noticed_within_two_seconds(void **state)
{
    (void)state;
    for (uint32_t random = 0; random < 1000; random++) {
        struct poll_ask ask = waiting(4);
        ask.random = random;
        ask.load_milli = 1000; /* load never stretches what was promised */
        assert_in_range(poll_after_ms(&ask), 1600, 2000);
    }
}

static void far_behind_thirty_seconds_are_soon_enough(void **state)
{
    (void)state;
    struct poll_ask ask = waiting(3600);
    assert_int_equal(poll_after_ms(&ask), 30000);
    ask.random = 6000;
    assert_int_equal(poll_after_ms(&ask), 24000);
    ask.load_milli = 1000;
    ask.random = 0;
    assert_int_equal(poll_after_ms(&ask), 60000);
}

/* Polls through a whole wait and counts. */
static double polls_a_minute(uint32_t wait_s, const struct rng *rng)
{
    double left_ms = wait_s * 1000.0;
    unsigned polls = 0;
    while (left_ms > 0) {
        struct poll_ask ask = waiting((uint32_t)(left_ms / 1000));
        ask.random = (uint32_t)rng_u64(rng);
        left_ms -= poll_after_ms(&ask);
        polls++;
    }
    return polls * 60.0 / wait_s;
}

static void a_wait_of_minutes_costs_at_most_six_requests_a_minute(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 1);
    assert_true(polls_a_minute(300, &seeded.rng) <= 6.0);
    assert_true(polls_a_minute(600, &seeded.rng) <= 5.0);
    assert_true(polls_a_minute(3600, &seeded.rng) <= 3.0);
}

static void a_pause_may_end_at_any_moment(void **state)
{
    (void)state;
    struct poll_ask ask = waiting(4);
    ask.line = LINE_PAUSED;
    ask.eta.p50_s = 600; /* as long as it has lasted */
    ask.eta.p90_s = 604;
    assert_int_equal(poll_after_ms(&ask), 2000);
}

static void a_wide_range_does_not_make_a_whole_line_poll_fast(void **state)
{
    (void)state;
    struct poll_ask ask = waiting(3600);
    ask.eta.p90_s = 36000;
    assert_int_equal(poll_after_ms(&ask), 30000);
}

static void a_line_that_is_over_is_asked_about_rarely(void **state)
{
    (void)state;
    struct poll_ask ask = waiting(1);
    ask.line = LINE_SOLD_OUT;
    assert_int_equal(poll_after_ms(&ask), POLL_FAR_MS);
    ask.line = LINE_OPEN;
    ask.place = PLACE_CALLED;
    assert_int_equal(poll_after_ms(&ask), POLL_CALLED_MS);
    ask.place = PLACE_WAITING;
    ask.eta.basis = ETA_UNKNOWN;
    assert_int_equal(poll_after_ms(&ask), POLL_UNKNOWN_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_the_front_a_call_is_noticed_within_two_seconds),
        cmocka_unit_test(far_behind_thirty_seconds_are_soon_enough),
        cmocka_unit_test(a_wait_of_minutes_costs_at_most_six_requests_a_minute),
        cmocka_unit_test(a_pause_may_end_at_any_moment),
        cmocka_unit_test(a_wide_range_does_not_make_a_whole_line_poll_fast),
        cmocka_unit_test(a_line_that_is_over_is_asked_about_rarely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
