/* row_free_test.c: the two implementations of the single-seat rule agree with each other and with
 * counting seats one by one. */
#include "core/seats/row_free.h"
#include "unit.h"

#include <stdbool.h>

enum { BITS = 192, TURNS = 2000 };

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static bool is_free(const uint64_t row[3], int seat)
{
    return seat >= 0 && seat < BITS && (row[seat / 64] >> (seat % 64) & 1) != 0;
}

/* `joined` has a bit for each seat that is sold to the same people as the next one. */
static bool is_single(const uint64_t row[3], const uint64_t joined[3], int seat)
{
    bool left = is_free(row, seat - 1) && is_free(joined, seat - 1);
    bool right = is_free(row, seat + 1) && is_free(joined, seat);
    return is_free(row, seat) && !left && !right;
}

static void take(uint64_t row[3], int from, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        row[(from + (int)i) / 64] &= ~(UINT64_C(1) << ((from + (int)i) % 64));
}

/* By counting: does the window leave a seat single that was not single before? */
static bool leaves_one(const uint64_t row[3], const uint64_t joined[3], int from, unsigned n)
{
    uint64_t after[3] = {row[0], row[1], row[2]};
    take(after, from, n);
    for (int seat = 0; seat < BITS; seat++)
        if (is_single(after, joined, seat) && !is_single(row, joined, seat))
            return true;
    return false;
}

static bool window_is_free(const uint64_t row[3], int from, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!is_free(row, from + (int)i))
            return false;
    return true;
}

TEST_CASE(both_checks_of_a_window_agree_with_counting)
{
    uint64_t seed = 88172645463325252u;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        uint64_t row[3], joined[3];
        for (unsigned i = 0; i < 3; i++) {
            row[i] = next(&seed) | (turn % 2 == 0 ? next(&seed) : 0);
            joined[i] = turn % 3 == 0 ? ~UINT64_C(0) : next(&seed) | next(&seed);
        }
        unsigned n = 1 + (unsigned)(next(&seed) % 8);
        row_free_wide wide = (row_free_wide)row[2] << 64 | row[1];
        row_free_wide wide_joined = (row_free_wide)joined[2] << 64 | joined[1];
        uint64_t bad = row_free_bad_starts(row[0], wide, joined[0], wide_joined, n);
        for (int start = 0; start + (int)n < 64; start++) {
            int from = 64 + start;
            if (!window_is_free(row, from, n))
                continue;
            uint64_t after[3] = {row[0], row[1], row[2]};
            take(after, from, n);
            /* Only seats next to the window can become single; these bitmaps cover them. */
            const uint64_t before_was[3] = {0, row[0], row[1]},
                           before_is[3] = {0, after[0], after[1]};
            bool claimed = (row_free_left_single(row, after, joined[0], joined[1]) |
                            (row_free_left_single(before_was, before_is, 0, joined[0]) >> 63)) != 0;
            assert_int_equal(leaves_one(row, joined, from, n), claimed);
            assert_int_equal(claimed, bad >> start & 1);
        }
    }
}
