/* Which joins are taken on, and when those who are not should come back. */
#include "core/load/shed.h"

#include "unit.h"

static void answer(struct shed *shed, uint32_t joins)
{
    for (uint32_t i = 0; i < joins; i++)
        shed_answered(shed);
}

static void as_many_wait_for_redis_as_it_answers_in_time(void **state)
{
    (void)state;
    struct shed shed;
    shed_init(&shed, 4096);
    assert_true(shed_allows(&shed, 4095));
    assert_false(shed_allows(&shed, 4096));
    answer(&shed, 5000); /* in a tick: 50,000 a second */
    shed_tick(&shed, 1);
    assert_true(shed_allows(&shed, 19999));
    assert_false(shed_allows(&shed, 20000));
    for (int i = 0; i < 50; i++) /* it answers nobody, and somebody waits */
        shed_tick(&shed, 1);
    assert_true(shed_allows(&shed, SHED_PENDING_MIN - 1));
    assert_false(shed_allows(&shed, SHED_PENDING_MIN));
    shed_tick(&shed, 0); /* nobody waits: nothing is known */
    assert_true(shed_allows(&shed, 4095));
    assert_false(shed_allows(&shed, 4096));
}

static void the_refused_come_back_while_all_of_them_can_be_served(void **state)
{
    (void)state;
    struct shed shed;
    shed_init(&shed, 400); /* taken to be 1,000 a second */
    for (int i = 0; i < 20000; i++)
        assert_false(shed_allows(&shed, 512));
    assert_int_equal(1, shed_retry_s(&shed, 0));
    assert_int_equal(22, shed_retry_s(&shed, UINT32_MAX)); /* 20 s of work, and 2 */
    assert_in_range(shed_retry_s(&shed, UINT32_MAX / 2), 11, 12);
}

static void the_time_to_come_back_is_bounded_and_forgets(void **state)
{
    (void)state;
    struct shed shed;
    shed_init(&shed, 4096);
    assert_in_range(shed_retry_s(&shed, UINT32_MAX), 1, SHED_BACK_MIN_S);
    for (int i = 0; i < 2000000; i++) /* Redis answers nobody */
        shed_allows(&shed, UINT64_MAX);
    assert_int_equal(SHED_BACK_MAX_S, shed_retry_s(&shed, UINT32_MAX));
    shed_tick(&shed, 1);
    for (int i = 0; i < 300; i++) {
        answer(&shed, 10000);
        shed_tick(&shed, 1);
    }
    assert_in_range(shed_retry_s(&shed, UINT32_MAX), 1, SHED_BACK_MIN_S);
}

static void a_line_that_takes_few_measures_with_few(void **state)
{
    (void)state;
    struct shed shed;
    shed_init(&shed, 100); /* fewer than one batch */
    for (int i = 0; i < 100; i++)
        shed_tick(&shed, 1);
    assert_true(shed_allows(&shed, 99));
    assert_false(shed_allows(&shed, 100));
    assert_in_range(shed_retry_s(&shed, UINT32_MAX), 1, SHED_BACK_MAX_S);
}

static void answers_while_nobody_waits_count_if_they_are_many(void **state)
{
    (void)state;
    struct shed shed;
    shed_init(&shed, 400); /* 1,000 a second: a hundred in a tick */
    answer(&shed, 1000);
    shed_tick(&shed, 0);
    assert_true(shed_allows(&shed, 3999));
    assert_false(shed_allows(&shed, 4000));
}

static void a_rejected_visitor_counts_until_served(void **state)
{
    (void)state;
    struct shed shed;
    shed_init(&shed, 400); /* 1,000 a second: a hundred in a tick */
    for (int i = 0; i < 20000; i++)
        shed_allows(&shed, 512);
    answer(&shed, 100);
    shed_tick(&shed, 1);
    assert_int_equal(22, shed_retry_s(&shed, UINT32_MAX)); /* as before the tick */
    for (int i = 0; i < 10; i++) {
        answer(&shed, 100);
        shed_tick(&shed, 1);
    }
    /* A thousand were served, and a thirtieth fades in a second. */
    assert_int_equal(20, shed_retry_s(&shed, UINT32_MAX));
    for (int i = 0; i < 190; i++) {
        answer(&shed, 100);
        shed_tick(&shed, 1);
    }
    assert_int_equal(SHED_BACK_MIN_S, shed_retry_s(&shed, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_wait_for_redis_as_it_answers_in_time),
        cmocka_unit_test(the_refused_come_back_while_all_of_them_can_be_served),
        cmocka_unit_test(the_time_to_come_back_is_bounded_and_forgets),
        cmocka_unit_test(a_line_that_takes_few_measures_with_few),
        cmocka_unit_test(answers_while_nobody_waits_count_if_they_are_many),
        cmocka_unit_test(a_rejected_visitor_counts_until_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
