/* lanes_test.c: when each lane ends. */
#include "core/line/lanes.h"

#include "unit.h"

#include <math.h>

static void check(const uint64_t waiting[LANES_ALL], uint64_t shares,
                  const uint64_t wanted[LANES_ALL])
{
    uint64_t upto[LANES_ALL];
    lanes_reach(waiting, shares, upto);
    for (unsigned i = 0; i < LANES_ALL; i++)
        assert_int_equal(wanted[i], upto[i]);
}

TEST_CASE(without_lanes_a_line_needs_one_call_per_place)
{
    check((uint64_t[LANES_ALL]){500}, 0, (uint64_t[LANES_ALL]){500});
    check((uint64_t[LANES_ALL]){0}, 0, (uint64_t[LANES_ALL]){0});
}

TEST_CASE(a_lane_ends_by_its_share_and_the_others_share_the_rest)
{
    /* The 60 get 30 of 100 calls, so they need 200 calls; then 360 of the 500 are left. */
    check((uint64_t[LANES_ALL]){500, 60}, 30, (uint64_t[LANES_ALL]){560, 200});
    /* The general lane is shorter: its 70 get 70 of 100 calls, so they need 100 calls. */
    check((uint64_t[LANES_ALL]){70, 300}, 30, (uint64_t[LANES_ALL]){100, 370});
    /* Shares of 50, 30 and 20: lane 2 ends after 50 calls; then lane 1 has 40 left, at 30 of 80. */
    check((uint64_t[LANES_ALL]){125, 55, 10}, 30 | 20 << 7, (uint64_t[LANES_ALL]){190, 157, 50});
}

TEST_CASE(a_lane_without_a_share_gets_what_others_leave)
{
    check((uint64_t[LANES_ALL]){5, 60}, 100, (uint64_t[LANES_ALL]){65, 60});
}

static void near(double wanted, double got, double by)
{
    assert_true(fabs(wanted - got) <= by);
}

TEST_CASE(a_lane_gets_its_share_and_later_that_of_ended_lanes)
{
    struct lane_crowd lanes[] = {{500.0, 1.0}, {60.0, 1.0}};
    near(70.0, lanes_part(lanes, 2, 30, 0, 100.0), 1e-6);
    near(140.0, lanes_part(lanes, 2, 30, 0, 200.0), 1e-6);
    near(240.0, lanes_part(lanes, 2, 30, 0, 300.0), 1e-6);
    near(30.0, lanes_part(lanes, 2, 30, 1, 100.0), 1e-6);
    near(500.0, lanes_part(lanes, 2, 30, 1, 1000.0), 1e-6); /* all 500 are through */
    lanes[1].waiting = HUGE_VAL;
    near(7000.0, lanes_part(lanes, 2, 30, 0, 10000.0), 1e-3);
    lanes[1] = (struct lane_crowd){60.0, 0.5}; /* 85 of 100 called visitors come */
    near(70.0, lanes_part(lanes, 2, 30, 0, 85.0), 1e-6);
    near(7.0, lanes_part(lanes, 1, 0, 0, 7.0), 1e-6);
    /* Shares of 50, 30 and 20: the first 200 come before one lane ends; the other two lanes share
     * the next 100. */
    struct lane_crowd three[] = {{500.0, 1.0}, {60.0, 1.0}, {200.0, 1.0}};
    near(100.0 + 100.0 * 50 / 70, lanes_part(three, 3, 30 | 20 << 7, 0, 300.0), 1e-6);
    three[1].waiting = 300.0;
    three[2].waiting = 40.0;
    near(100.0 + 100.0 * 50 / 80, lanes_part(three, 3, 30 | 20 << 7, 0, 300.0), 1e-6);
}
