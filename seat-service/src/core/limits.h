/* limits.h: the bounds of the seat engine, each with its reason. */
#ifndef FG_SEAT_CORE_LIMITS_H
#define FG_SEAT_CORE_LIMITS_H

#include <stdint.h>

/* Per place, in minor units: a thousand places and their fees stay far below 64 bits. */
#define PLAN_PRICE_MAX UINT64_C(1000000000000)

enum {
    /* The largest stadium holds about 130,000; four times that leaves room and keeps an index small
     * enough for the 24 bits of the hold field, as there may be a hold for every seat. */
    PLAN_SEATS_MAX = 1 << 19,
    /* Runs of neighbours, and parts of them, each of one category and at most 64 seats; a stadium
     * has 6,000. A search for several of the last seats looks at each part some twenty times, which
     * for so many takes 0.8 ms. */
    PLAN_ROWS_MAX = 1 << 14,          /* a seat keeps its run's number in 16 bits */
    PLAN_ROW_SEATS_MAX = 256,         /* an unbroken run is four words; a position fits a byte */
    PLAN_ROUND_SEATS_MAX = 24,        /* of a round table; a larger ring is a closed row */
    PLAN_CATEGORIES_MAX = 64,         /* price lists are copied whole when one price changes */
    PLAN_AREAS_MAX = 64,              /* standing areas of one hall */
    PLAN_AREA_CAPACITY_MAX = 1 << 20, /* three counters of 21 bits share a word */
    PLAN_VIEWS_MAX = 1024,            /* sections with a photo; a stadium has some 200 */
    PLAN_CHANNELS_MAX = 16,           /* must fit a byte with the four flags of a seat */
    /* The shortest code of a channel, in characters other than spaces. Eight digits make 10^8
     * codes: a hundred tries a minute find a given one within a month with a chance of 4 %. */
    PLAN_CODE_MIN = 8,
    /* Shapes that a plan draws next to its seats, and their polygons' corners, that are served: a
     * real plan has 331 shapes, and 30 polygons of 100 corners. At most 100 KB, a third of that
     * compressed; a plan loads in a second and a half. */
    PLAN_SHAPES_MAX = 1024,
    PLAN_SHAPE_POINTS_MAX = 8192,
    PLAN_POLYGON_POINTS_MAX = 2000, /* in a document */
    PLAN_TEXT_MAX = 128,            /* characters of a name or label, of up to four bytes each */
    PLAN_ID_MAX = 128,              /* bytes of the id of a seat, an area, a channel */
    PLAN_JSON_MAX = 64 << 20,       /* bytes of an import body; 66,000 seats take about 10 MB */

    HOLD_SLOTS_MAX =
        (1 << 24) - 2,   /* the hold field of a seat word; 0: not held, all ones: the operator */
    HOLD_STASHES = 65,   /* threads that cache free slots, and stash 0 for threads that do not */
    HOLD_STASH_MAX = 31, /* slots per stash; with the count two cache lines */
    HOLD_SEATS_MAX = 64, /* one group; a school class books twice */
    HOLD_AREA_QUANTITY_MAX = 1024, /* standing places in one hold */
    PRICE_LISTS_MAX = 1024, /* in use by holds and orders at once; a new one a day, for years */

    CHANGE_SEATS_MAX = 2 * HOLD_SEATS_MAX, /* a change adds and removes at most a whole hold */
    CHANGE_TEXT_MAX = 64,                  /* an order id, or the reason of a block */
    CHANGE_WHO_MAX = 80,                   /* a token's name is at most this long */

    HOLD_LIFE_MAX_MS = 7 * 86400 * 1000, /* the largest hold_max_s: a seat offered by mail */
    HOLD_AHEAD_MAX_MS = 10 * 1000,       /* of another owner's time: twice SALE_CLOCK_TRUST_MS */

    AVAIL_RING_MAX = 1 << 12, /* changed seats remembered for ?since; older readers resync */
    ROW_RETRIES_MAX = 256,    /* retries when a row changes during the check; then FULL */
    BUYERS_TRIES_MAX = 1024,  /* retries when first requests of one buyer collide; then FULL */
    BEST_RETRIES_MAX = 16,    /* retries when a chosen place is lost before it is claimed */
    BEST_SPREAD_MAX = 32,     /* near-equal places over which concurrent requests are spread */
    /* Remembered holds that expired during payment: in a sale of 50,000 seats, 15 % of them
     * abandoned at checkout leave half as many in LATE_KEEP_MS. 4 MB once all are used. */
    LATE_HOLDS_MAX = 1 << 14,
    LATE_KEEP_MS = 2 * 3600 * 1000, /* longer than any payment stays open */
    ALTERNATIVES_MAX = 3,           /* offers that go with "seats-taken" */
    ENGINE_CLASHES_MAX = 16,        /* reasons listed against a correction: a few screens' worth */
};

#endif
