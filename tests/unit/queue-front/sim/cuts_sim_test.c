/* cuts_sim_test.c: the short form of cuts-sim: a tenth of a second of a million joins a second. */
#include "sim/cuts_sim.h"
#include "unit.h"

enum { SEED = 7, JOINS = 100000, JOINS_PER_S = 1000000, FRONTS = 16, LATE_US = 10000 };

static struct cuts_sim_result run(uint8_t shards, uint32_t late_us)
{
    struct cuts_sim_ask ask = {SEED, JOINS, JOINS_PER_S, shards, FRONTS, late_us};
    struct cuts_sim_result got;
    assert_true(cuts_sim_run(&ask, &got));
    print_message("%u shards: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", shards, got.moved_p50_ms,
                  got.moved_p99_ms, got.moved_max_ms);
    assert_true(got.whole);
    return got;
}

static void over_shards_hardly_anybody_stands_five_ms_from_where_they_came(void **state)
{
    (void)state;
    for (uint8_t shards = 2; shards <= 16; shards *= 2)
        assert_true(run(shards, 0).moved_p99_ms <= 5.0);
}

static void a_late_shard_moves_people_by_how_late_it_is_and_no_more(void **state)
{
    (void)state;
    struct cuts_sim_result got = run(8, LATE_US);
    assert_true(got.moved_p50_ms <= 5.0);
    assert_true(got.moved_max_ms <= LATE_US / 1e3 + 5.0);
}

static void the_same_seed_is_the_same_line(void **state)
{
    (void)state;
    assert_true(run(4, 0).moved_max_ms == run(4, 0).moved_max_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_shards_hardly_anybody_stands_five_ms_from_where_they_came),
        cmocka_unit_test(a_late_shard_moves_people_by_how_late_it_is_and_no_more),
        cmocka_unit_test(the_same_seed_is_the_same_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
