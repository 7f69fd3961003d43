/* test_hall.h: small halls without a document, and helpers for engine calls. */
#ifndef FG_TEST_HALL_H
#define FG_TEST_HALL_H

#include "core/engine/engine.h"
#include "core/hall/plan.h"

/* A hall as text, one line per row: a letter is a seat of category 'a', 'b', ...; uppercase is an
 * accessible seat, '+' its companion (category a, goes with the nearest accessible seat to its
 * left, else right), '2'..'9' a seat of channel 1..8 (category a), '_' an aisle. A line that begins
 * with '=' is a table sold whole, with '~' one sold by seat. The focal point is above the middle of
 * the first row. Seats and rows are `apart` from each other. */
struct test_hall {
    const char *const *rows;
    struct plan_limits limits;
    uint32_t area_capacity; /* of one area "floor" with a category of its own after the others; 0:
                               no area */
    const struct plan_category *categories; /* NULL: by letter, price 1000, 2000, ... */
    const struct plan_channel *channels;    /* NULL: public, c1, c2, ... as needed */
    uint32_t channel_count;
    const uint8_t *hash; /* NULL: zeros */
    struct plan_charges charges;
    uint8_t area_channel;
    uint64_t shuffled; /* seed that shuffles the numbers of a row's seats; 0: from left to right */
    unsigned turns;    /* quarter turns of the hall */
    float apart;       /* distance of seats and rows; 0: one */
};

struct plan *test_hall_plan(const struct test_hall *hall);
/* Rows of equal length, category a, without aisles. */
struct plan *test_hall_block(uint32_t rows, uint32_t seats, struct plan_limits limits,
                             uint32_t area_capacity);
struct engine *test_hall_engine(const struct plan *plan);
/* With room for this many late holds; 0: the default. */
struct engine *test_hall_engine_late(const struct plan *plan, uint32_t late_max);

enum { TEST_NOW_MS = 1000000 };

struct plan_limits test_limits(void);       /* only 8 seats a hold, 480 s, at most 900 s */
struct engine_who test_who(uint64_t buyer); /* session = buyer, public */
struct engine_ask test_ask_seats(uint64_t buyer, const uint32_t *seats, uint32_t count);
struct engine_ask test_ask_area(uint64_t buyer, uint32_t quantity);
struct engine_ask test_ask_best(uint64_t buyer, uint8_t category, uint32_t quantity, bool adjacent);

#define TEST_SEATS(...)                                                                            \
    ((const uint32_t[]){__VA_ARGS__}), (sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* Holds the seats and settles; fails the test otherwise. Returns the hold. */
uint64_t test_hold(struct engine *engine, uint64_t buyer, const uint32_t *seats, uint32_t count);

/* An owner's changes and snapshot, and an engine that reads them. Any error fails the test. The
 * caller frees a snapshot's bytes; the engine that read them is in replay. */
struct test_bytes {
    uint8_t *at;
    size_t len;
};

struct test_bytes test_snapshot(const struct engine *engine);
struct engine *test_snapshot_read(const struct plan *plan, uint32_t late_max,
                                  struct test_bytes bytes);
void test_apply(struct engine *engine, const uint8_t *bytes, size_t len);

/* Publishes a picture under the next version and returns that. */
uint64_t test_publish(struct engine *engine);

/* The states of the first `count` seats: "..hs#" for free, held, sold, blocked. */
const char *test_states(const struct engine *engine, uint32_t count, char *out);

#endif
