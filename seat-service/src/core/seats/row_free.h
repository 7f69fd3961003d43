/* row_free.h: the arithmetic of a row's bitmaps: one bit per seat, set while it is free.
 *
 * The rule that no single seat is left is checked in two ways: when a row is claimed, on the seats
 * of one take (seats.c), and when best-available searches for windows, on all of them at once
 * (best.c). Both are here, and a test compares them. A seat is single if it is free and has no free
 * neighbour that is sold to the same people; a take leaves it single if it was not single before.
 *
 * `joined` has a bit for each seat that is sold to the same people as the next one (seats.h). */
#ifndef FG_SEAT_CORE_ROW_FREE_H
#define FG_SEAT_CORE_ROW_FREE_H

#include <assert.h>
#include <stdint.h>

typedef unsigned __int128 row_free_wide; /* a bitmap and the one after it */

/* The single seats of free[1]. free[0] and free[2] are its neighbours in the row, 0 if absent. */
static inline uint64_t row_free_singles(const uint64_t free[3], uint64_t joined_before,
                                        uint64_t joined)
{
    uint64_t left = (free[1] & joined) << 1 | (free[0] & joined_before) >> 63;
    uint64_t right = (free[1] >> 1 | free[2] << 63) & joined;
    return free[1] & ~left & ~right;
}

/* The seats of the middle bitmap that are single in `is` and were not in `was`. */
static inline uint64_t row_free_left_single(const uint64_t was[3], const uint64_t is[3],
                                            uint64_t joined_before, uint64_t joined)
{
    return row_free_singles(is, joined_before, joined) &
           ~row_free_singles(was, joined_before, joined);
}

/* The starts at which a window of n seats, all of them free, would leave a single seat next to
 * it. */
static inline uint64_t row_free_bad_starts(uint64_t before, row_free_wide free,
                                           uint64_t joined_before, row_free_wide joined, unsigned n)
{
    assert(n >= 1);
    assert(n + 1 < 8 * sizeof(free));
    before &= joined_before;
    uint64_t left = (uint64_t)(free & joined) << 1 | before >> 63;
    uint64_t left2 = (uint64_t)(free & joined) << 2 | before >> 62;
    uint64_t right = (uint64_t)(free >> n & joined >> (n - 1));
    uint64_t right2 = (uint64_t)(free >> (n + 1) & joined >> n);
    return (left & ~left2) | (right & ~right2);
}

#endif
