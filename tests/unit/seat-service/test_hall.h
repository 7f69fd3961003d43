/* test_hall.h: small halls without a document, and the asks that tests make of them. */
#ifndef FG_TEST_HALL_H
#define FG_TEST_HALL_H

#include "core/engine/engine.h"
#include "core/hall/plan.h"

/* A hall as text, a line for each row: a letter is a seat of category 'a', 'b', ...; uppercase is
 * an accessible seat, '+' its companion (category a, goes with the nearest accessible seat to its
 * left, else right), '2'..'9' a seat of channel 1..8 (category a), '_' an aisle. A line that begins
 * with
 * '=' is a table sold whole, with '~' one sold by seat. The focal point is above the first row's
 * middle. Seats are one apart, rows too, unless it says how far. */
struct test_hall {
    const char *const *rows;
    struct plan_limits limits;
    uint32_t
        area_capacity; /* of one area "floor", category of its own behind the others; 0: none */
    const struct plan_category *categories; /* NULL: by letter, price 1000, 2000, ... */
    const struct plan_channel *channels;    /* NULL: public, c1, c2, ... as the rows need */
    uint32_t channel_count;
    const uint8_t *hash; /* NULL: zeros */
    struct plan_charges charges;
    uint8_t area_channel;
    uint64_t shuffled; /* a seed: a row's seats are numbered in any order; 0: from left to right */
    unsigned turns;    /* quarter turns of the whole hall */
    float apart;       /* seats and rows; 0: one */
};

struct plan *test_hall_plan(const struct test_hall *hall);
/* Which seat of the text this is, from its first row's left end on; a seat's number, but for a hall
 * that is shuffled. */
uint32_t test_hall_place(const struct plan *plan, uint32_t seat);
/* Rows of equal length without aisles, all of category a. */
struct plan *test_hall_block(uint32_t rows, uint32_t seats, struct plan_limits limits,
                             uint32_t area_capacity);
struct engine *test_hall_engine(const struct plan *plan);
/* With room for so many late holds; 0: the usual room. */
struct engine *test_hall_engine_late(const struct plan *plan, uint32_t late_max);

enum { TEST_NOW_MS = 1000000 };

struct plan_limits test_limits(void);       /* none but 8 a hold, 480 s, at most 900 s */
struct engine_who test_who(uint64_t buyer); /* session = buyer, public */
struct engine_ask test_ask_seats(uint64_t buyer, const uint32_t *seats, uint32_t count);
struct engine_ask test_ask_area(uint64_t buyer, uint32_t quantity);
struct engine_ask test_ask_best(uint64_t buyer, uint8_t category, uint32_t quantity, bool adjacent);

#define TEST_SEATS(...)                                                                            \
    ((const uint32_t[]){__VA_ARGS__}), (sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* Held and settled, or the test fails; answers the hold. */
uint64_t test_hold(struct engine *engine, uint64_t buyer, const uint32_t *seats, uint32_t count);

/* What an owner writes and the next one reads. What is wrong with it fails the test. The bytes of a
 * snapshot are the caller's to free(); the engine that read them is in replay. */
struct test_bytes {
    uint8_t *at;
    size_t len;
};

struct test_bytes test_snapshot(const struct engine *engine);
struct engine *test_snapshot_read(const struct plan *plan, uint32_t late_max,
                                  struct test_bytes bytes);
void test_apply(struct engine *engine, const uint8_t *bytes, size_t len);

/* Publishes a picture under the next version; returns that. */
uint64_t test_publish(struct engine *engine);

/* "..hs#" of the first `count` seats: free, held, sold, blocked. */
const char *test_states(const struct engine *engine, uint32_t count, char *out);

#endif
