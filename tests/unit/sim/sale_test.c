/* sale_test.c: the virtual sale against sums, and where it is made too small. */
#include "needed.h"

#include "unit.h"

#include <math.h>

static struct sale_ask usual(uint64_t visitors)
{
    return (struct sale_ask){
        .visitors = visitors,
        .within_ms = 1000,
        .rate_per_s = 50,
        .seats = 50000,
        .seats_percent = 100,
        .machines =
            {.edges = 4, .edge_cores = 16, .fronts = 4, .front_cores = 2, .busy_percent = 70},
        .costs = {.handshake_ns = 360000,
                  .edge_ns = 12000,
                  .page_ns = 9000,
                  .join_ns = 7000,
                  .shed_ns = 5000,
                  .poll_ns = 9000,
                  .pass_ns = 60000,
                  .redis_join_ns = 5000,
                  .redis_tick_ns = 200000,
                  .redis_pass_ns = 50000,
                  .page_bytes = 13000,
                  .join_bytes = 1000,
                  .poll_bytes = 700,
                  .handshake_bytes = 2500},
    };
}

static void assert_near(double got, double wanted, double share)
{
    if (fabs(got - wanted) > share * wanted)
        fail_msg("%g is not within %g of %g", got, share, wanted);
}

static void everybody_gets_a_place_as_soon_as_the_narrowest_part_allows(void **state)
{
    (void)state;
    struct sale_ask ask = usual(1000000);
    struct sale_result got;
    sale_run(&ask, &got);
    struct needed_sums sums = needed_sums_of(&ask);
    assert_near(got.placed, 1e6, 1e-9);
    assert_near(got.placed_s, sums.placed_s, 0.1);
    assert_int_equal(got.narrowest, SALE_EDGE);
    assert_int_equal(sums.narrowest, SALE_EDGE);
}

static void polls_are_as_many_as_the_integral_says(void **state)
{
    (void)state;
    struct sale_ask ask = usual(300000);
    struct sale_result got;
    sale_run(&ask, &got);
    assert_near(got.polls_per_s_peak, needed_sums_of(&ask).polls_per_s, 0.05);
    assert_true(got.late_polls == 0);
}

static void it_ends_when_the_last_seat_is_sold(void **state)
{
    (void)state;
    struct sale_ask ask = usual(200000);
    struct sale_result got;
    sale_run(&ask, &got);
    assert_near(got.sold, 50000, 1e-3);
    assert_near(got.sold_out_s, 1000, 0.02);
    assert_true(got.called < 50100);
}

static void it_ends_when_nobody_is_left_though_there_are_seats(void **state)
{
    (void)state;
    struct sale_ask ask = usual(10000);
    struct sale_result got;
    sale_run(&ask, &got);
    assert_near(got.called, 10000, 1e-3);
    assert_near(got.sold, 10000, 1e-3);
}

static void one_redis_is_the_narrowest_once_all_else_is_large(void **state)
{
    (void)state;
    struct sale_ask ask = usual(10000000);
    ask.machines.edges = 100;
    ask.machines.fronts = 50;
    struct sale_result got;
    sale_run(&ask, &got);
    assert_int_equal(got.narrowest, SALE_REDIS);
    assert_true(got.told_later > 0);
    assert_near(got.placed, 1e7, 1e-9);
    assert_true(got.busy[SALE_REDIS] <= 0.7001);
}

static void polls_go_before_joins_when_the_fronts_are_too_small(void **state)
{
    (void)state;
    struct sale_ask ask = usual(10000000);
    ask.machines.edges = 100;
    ask.machines.fronts = 3;
    struct sale_result got;
    sale_run(&ask, &got);
    assert_true(got.placed < 1e7 || got.placed_s > needed_sums_of(&ask).placed_s);
    assert_true(got.late_polls < 0.001 * got.polls);
}

static void what_is_needed_is_enough_and_one_machine_less_is_not(void **state)
{
    (void)state;
    struct sale_ask ask = usual(2000000);
    struct needed needed;
    assert_true(needed_for(&ask, 60, &needed));
    assert_true(needed.sale.placed_s <= 60);
    ask.machines = needed.machines;
    assert_true(ask.machines.edges > 1);
    ask.machines.edges -= 1;
    struct sale_result got;
    sale_run(&ask, &got);
    assert_true(got.placed_s > 60 || got.late_polls > 0);
}

static void polls_that_each_need_a_connection_need_more_edges(void **state)
{
    (void)state;
    struct sale_ask kept = usual(2000000), fresh = kept;
    fresh.reconnect_percent = 100;
    struct needed with_kept, with_fresh;
    assert_true(needed_for(&kept, 60, &with_kept));
    assert_true(needed_for(&fresh, 60, &with_fresh));
    assert_true(with_fresh.machines.edges > with_kept.machines.edges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_gets_a_place_as_soon_as_the_narrowest_part_allows),
        cmocka_unit_test(polls_are_as_many_as_the_integral_says),
        cmocka_unit_test(it_ends_when_the_last_seat_is_sold),
        cmocka_unit_test(it_ends_when_nobody_is_left_though_there_are_seats),
        cmocka_unit_test(one_redis_is_the_narrowest_once_all_else_is_large),
        cmocka_unit_test(polls_go_before_joins_when_the_fronts_are_too_small),
        cmocka_unit_test(what_is_needed_is_enough_and_one_machine_less_is_not),
        cmocka_unit_test(polls_that_each_need_a_connection_need_more_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
