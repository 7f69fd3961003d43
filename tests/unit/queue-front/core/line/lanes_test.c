/* lanes_test.c: when each lane ends. */
#include "core/line/lanes.h"

#include "unit.h"

#include <math.h>

TEST_CASE(a_lane_ends_by_its_share_and_the_others_share_the_rest)
{
    static const struct {
        const char *name;
        uint64_t shares, waiting[LANES_ALL], upto[LANES_ALL];
    } rows[] = {
        {"one call per place without lanes", 0, {500}, {500}},
        {"nobody waits", 0, {0}, {0}},
        /* The 60 get 30 of 100 calls, so they need 200 calls; then 360 of the 500 are left. */
        {"the lane is shorter", 30, {500, 60}, {560, 200}},
        /* Its 70 get 70 of 100 calls, so they need 100 calls. */
        {"the general lane is shorter", 30, {70, 300}, {100, 370}},
        /* 50, 30 and 20: lane 2 ends after 50 calls; then lane 1 has 40 left, at 30 of 80. */
        {"three lanes", 30 | 20 << 7, {125, 55, 10}, {190, 157, 50}},
        {"a lane without a share gets what others leave", 100, {5, 60}, {65, 60}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t upto[LANES_ALL];
        lanes_reach(rows[i].waiting, rows[i].shares, upto);
        for (unsigned n = 0; n < LANES_ALL; n++)
            if (upto[n] != rows[i].upto[n])
                fail_msg("%s: lane %u: %u", rows[i].name, n, (unsigned)upto[n]);
    }
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
