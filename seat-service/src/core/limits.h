/* limits.h: the bounds of the seat engine, each with its reason. */
#ifndef FG_SEAT_CORE_LIMITS_H
#define FG_SEAT_CORE_LIMITS_H

#include <stdint.h>

/* Of one place, in minor units: a thousand of them and their fees stay far below 64 bits. */
#define PLAN_PRICE_MAX UINT64_C(1000000000000)

enum {
    /* The largest stadium holds about 130,000; four times that leaves room and keeps an index small
     * enough for the 24 bits of the hold field, as there may be a hold for every seat. */
    PLAN_SEATS_MAX = 1 << 19,
    PLAN_ROWS_MAX = 60000,     /* runs of neighbours; a seat keeps its run's number in 16 bits */
    PLAN_ROW_SEATS_MAX = 256,  /* an unbroken run is four words; a position fits a byte */
    PLAN_ROUND_SEATS_MAX = 24, /* of a round table; a larger ring is a row that goes all around */
    PLAN_CATEGORIES_MAX = 64,  /* price lists are copied whole when one price changes */
    PLAN_AREAS_MAX = 64,       /* standing areas of one hall */
    PLAN_AREA_CAPACITY_MAX = 1 << 20, /* three counters of 21 bits share a word */
    PLAN_VIEWS_MAX = 1024,            /* sections with a picture; a stadium has some 200 */
    PLAN_CHANNELS_MAX = 16,           /* shares a byte with the four flags of a seat */
    /* Shapes that a plan draws next to its seats, and corners of their polygons, as far as they are
     * served: a real plan has 331 shapes, and 30 polygons of 100 corners. 100 KB at most, a third
     * of that compressed, of a plan that is seen within a second and a half. */
    PLAN_SHAPES_MAX = 1024,
    PLAN_SHAPE_POINTS_MAX = 8192,
    PLAN_POLYGON_POINTS_MAX = 2000, /* in a document */
    PLAN_TEXT_MAX = 128,            /* characters of a name or label, of up to four bytes each */
    PLAN_ID_MAX = 128,              /* bytes of what programs call a seat, an area, a channel */
    PLAN_JSON_MAX = 64 << 20,       /* bytes of an import body; 66,000 seats take about 10 MB */

    HOLD_SLOTS_MAX =
        (1 << 24) - 2,   /* the hold field of a seat word; 0 is nobody, all ones the operator */
    HOLD_STASHES = 65,   /* threads that keep free slots at hand, and the 0 of those that do not */
    HOLD_STASH_MAX = 31, /* such slots; with their number two cache lines */
    HOLD_SEATS_MAX = 64, /* one group; a school class books twice */
    HOLD_AREA_QUANTITY_MAX = 1024, /* standing places in one hold */
    PRICE_LISTS_MAX = 256,         /* that holds and orders pay by at once; a change makes one */

    CHANGE_SEATS_MAX = 2 * HOLD_SEATS_MAX, /* a change adds and removes a whole hold at most */
    CHANGE_TEXT_MAX = 64,                  /* an order id, or the reason of a block */
    CHANGE_WHO_MAX = 80,                   /* as long as the name is that a token may bear */

    AVAIL_RING_MAX = 1 << 12, /* changed seats remembered for ?since; older readers resync */
    ROW_RETRIES_MAX = 256,    /* a row that changes this often while it is judged: give up, FULL */
    BUYERS_TRIES_MAX = 1024,  /* first requests of one buyer in each other's way: give up, FULL */
    BEST_RETRIES_MAX = 16,    /* places lost between choosing and claiming before we say so */
    BEST_SPREAD_MAX = 32,     /* near-equal places among which a crowd is spread */
    /* Holds that ran out while being paid and are remembered: a sale of 50,000 seats of which 15 in
     * a hundred are left at the till leaves half as many in LATE_KEEP_MS. 4 MB once all are used.
     */
    LATE_HOLDS_MAX = 1 << 14,
    LATE_KEEP_MS = 2 * 3600 * 1000, /* longer than any payment stays open */
    ALTERNATIVES_MAX = 3,           /* offers that go with "seats-taken" */
    ENGINE_CLASHES_MAX =
        16, /* reasons against a correction that are listed: a few screens' worth */
};

#endif
