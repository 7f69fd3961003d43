/* tally_test.c: a number of times within a minute and no more, each caller alone. */
#include "unit.h"

#include "pace/tally.h"

static struct tally tally;

static int begin(void **state)
{
    (void)state;
    tally_init(&tally);
    return 0;
}

static void a_count_begins_with_the_first_and_ends_a_minute_later(void **state)
{
    (void)state;
    struct span who = SPAN("somebody");
    assert_int_equal(0, tally_wait_ms(&tally, who, 1, 1000));
    for (unsigned i = 0; i < 3; i++)
        tally_add(&tally, who, 1000 + i * 1000);
    assert_int_equal(0, tally_wait_ms(&tally, who, 4, 3000));
    assert_int_equal(58000, tally_wait_ms(&tally, who, 3, 3000));
    assert_int_equal(0, tally_wait_ms(&tally, SPAN("else"), 1, 3000));
    assert_int_equal(1, tally_wait_ms(&tally, who, 3, 60999));
    assert_int_equal(0, tally_wait_ms(&tally, who, 1, 61000));
    assert_int_equal(0, tally_wait_ms(&tally, who, 1, 61001));
    tally_add(&tally, who, 61000);
    assert_int_equal(0, tally_wait_ms(&tally, who, 2, 61000));
    assert_int_equal(60000, tally_wait_ms(&tally, who, 1, 61000));
}

static void what_is_full_stays_so_for_the_time_that_was_said(void **state)
{
    (void)state;
    struct span who = SPAN("somebody");
    tally_fill(&tally, who, 1000, 500);
    tally_fill(&tally, who, 1400, 500);
    assert_int_equal(1, tally_wait_ms(&tally, who, UINT32_MAX, 1499));
    tally_add(&tally, who, 1400);
    assert_int_equal(1, tally_wait_ms(&tally, who, UINT32_MAX, 1499));
    assert_int_equal(0, tally_wait_ms(&tally, who, 1, 1500));
}

static void a_crowd_takes_no_more_room_and_whoever_came_last_is_known(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100000; i++) {
        struct span who = {(const char *)&i, sizeof(i)};
        tally_add(&tally, who, 1000 + i);
        assert_true(tally_wait_ms(&tally, who, 1, 1000 + i) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_count_begins_with_the_first_and_ends_a_minute_later, begin),
        cmocka_unit_test_setup(what_is_full_stays_so_for_the_time_that_was_said, begin),
        cmocka_unit_test_setup(a_crowd_takes_no_more_room_and_whoever_came_last_is_known, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
