/* lanes.c: which lane empties first, and when.
 *
 * While people wait in several lanes, each lane is served in proportion to its share. So the lane
 * with the fewest people for its share empties first; then the same holds for the rest of them,
 * which take over its share. With five lanes at most this is a loop of five rounds rather than a
 * simulation of each call.
 *
 * A lane without a share is served only when nobody waits in the others. To avoid dividing by zero,
 * lanes_part() gives it a tiny share, and lanes_reach() orders it after all the others. */
#include "core/line/lanes.h"

#include <assert.h>
#include <math.h>

struct lane {
    double left;
    double share;
    bool over;
};

void lanes_reach(const uint64_t waiting[LANES_ALL], uint64_t shares, uint64_t upto[LANES_ALL])
{
    struct lane lanes[LANES_ALL];
    for (unsigned i = 0; i < LANES_ALL; i++)
        lanes[i] = (struct lane){.left = (double)waiting[i], .share = line_lane_share(shares, i)};
    double called = 0.0;
    for (unsigned n = 0; n < LANES_ALL; n++) {
        /* The next lane to empty among those with a share or, if there is none, without; LANES_ALL:
         * all are empty. */
        unsigned next = LANES_ALL;
        for (unsigned i = 0; i < LANES_ALL; i++) {
            if (lanes[i].over)
                continue;
            assert(lanes[i].share >= 0.0);
            if (next == LANES_ALL || (lanes[i].share > 0.0 && lanes[next].share == 0.0) ||
                lanes[i].left * lanes[next].share < lanes[next].left * lanes[i].share)
                next = i;
        }
        unsigned first = next;
        assert(first < LANES_ALL);
        double all = 0.0, turns = lanes[first].left;
        for (unsigned i = 0; i < LANES_ALL; i++)
            all += lanes[i].over ? 0.0 : lanes[i].share;
        if (lanes[first].share > 0.0) {
            turns /= lanes[first].share;
            for (unsigned i = 0; i < LANES_ALL; i++)
                lanes[i].left -= lanes[i].over ? 0.0 : turns * lanes[i].share;
            turns *= all;
        }
        called += turns;
        assert(!lanes[first].over && !isnan(called)); /* each empties once */
        lanes[first].over = true;
        upto[first] = waiting[first] > 0 ? (uint64_t)(called + 0.5) : 0;
    }
}

/* A share of 0 becomes nearly 0: the lane is served when no other has people. */
static double share_of(uint64_t shares, unsigned lane)
{
    return fmax((double)line_lane_share(shares, lane), 1e-6);
}

double lanes_part(const struct lane_crowd *lanes, unsigned lanes_len, uint64_t shares, unsigned own,
                  double visitors)
{
    assert(lanes_len <= LANES_ALL && own < lanes_len);
    assert(visitors >= 0.0);
    bool over[LANES_ALL] = {false};
    double turns = 0.0; /* per turn, a lane that is not empty has as many calls as its share */
    for (;;) {
        double pace = 0.0, ends = HUGE_VAL;
        unsigned next = own;
        for (unsigned i = 0; i < lanes_len; i++) {
            double share = share_of(shares, i);
            if (over[i])
                continue;
            assert(lanes[i].show > 0.0 && lanes[i].waiting >= 0.0);
            pace += share * lanes[i].show;
            if (i != own && lanes[i].waiting / share < ends) {
                ends = lanes[i].waiting / share;
                next = i;
            }
        }
        assert(pace > 0.0); /* the own lane never empties */
        double come = (ends - turns) * pace;
        if (next == own || come >= visitors)
            return (turns + visitors / pace) * share_of(shares, own);
        visitors -= come;
        turns = ends;
        over[next] = true;
    }
}
