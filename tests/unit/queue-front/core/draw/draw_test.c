/* draw_test.c: all visitors get the same draw, and no entry is favoured. */
#include "core/draw/draw.h"

#include "unit.h"

#include <math.h>
#include <sodium.h>

static void seed_of(uint8_t seed[DRAW_SEED_BYTES], uint64_t number)
{
    struct rng_seeded rng;
    rng_seeded_init(&rng, number);
    rng_fill(&rng.rng, seed, DRAW_SEED_BYTES);
}

static void check_bijection(uint64_t entries, uint64_t number)
{
    uint8_t seed[DRAW_SEED_BYTES];
    seed_of(seed, number);
    struct draw draw;
    draw_init(&draw, seed, SPAN("beacon"), entries);
    uint8_t *taken = calloc(entries + 1, 1);
    assert_non_null(taken);
    for (uint64_t entry = 1; entry <= entries; entry++) {
        uint64_t position = draw_position(&draw, entry);
        assert_in_range(position, 1, entries);
        assert_int_equal(taken[position], 0);
        taken[position] = 1;
    }
    free(taken);
}

TEST_CASE(each_entry_gets_its_own_position_at_every_size)
{
    for (uint64_t entries = 1; entries <= 300; entries++)
        check_bijection(entries, entries);
    static const uint64_t edges[] = {511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        check_bijection(edges[i], i);
    uint64_t seed = unit_seed();
    struct rng_seeded rng;
    rng_seeded_init(&rng, seed);
    for (int i = 0; i < 6; i++)
        check_bijection(1 + rng_below(&rng.rng, 1 << 18), rng_u64(&rng.rng));
    check_bijection(1 << 20, seed);
}

TEST_CASE(an_entry_after_the_draw_keeps_its_number)
{
    uint8_t seed[DRAW_SEED_BYTES] = {1};
    struct draw draw;
    draw_init(&draw, seed, SPAN(""), 1000);
    assert_int_equal(draw_position(&draw, 1001), 1001);
    assert_int_equal(draw_position(&draw, DRAW_ENTRIES_MAX), DRAW_ENTRIES_MAX);
    draw_init(&draw, seed, SPAN(""), 0);
    assert_int_equal(draw_position(&draw, 1), 1);
    draw_init(&draw, seed, SPAN(""), 1);
    assert_int_equal(draw_position(&draw, 1), 1);
}

TEST_CASE(the_largest_number_of_entries_is_drawn)
{
    uint8_t seed[DRAW_SEED_BYTES] = {2};
    struct draw draw;
    draw_init(&draw, seed, SPAN("b"), DRAW_ENTRIES_MAX);
    const struct rng *rng = unit_rng();
    enum { SAMPLE = 1000 };
    const uint64_t apart = DRAW_ENTRIES_MAX / SAMPLE;
    uint64_t position[SAMPLE];
    for (unsigned i = 0; i < SAMPLE; i++) {
        position[i] = draw_position(&draw, 1 + i * apart + rng_below(rng, apart));
        assert_in_range(position[i], 1, DRAW_ENTRIES_MAX);
        for (unsigned before = 0; before < i; before++)
            assert_int_not_equal(position[before], position[i]);
    }
}

TEST_CASE(seed_and_beacon_and_number_each_change_the_draw)
{
    uint8_t one[DRAW_SEED_BYTES] = {1}, two[DRAW_SEED_BYTES] = {2};
    struct draw base, other;
    draw_init(&base, one, SPAN("x"), 100000);
    unsigned same[3] = {0};
    for (unsigned kind = 0; kind < 3; kind++) {
        draw_init(&other, kind == 0 ? two : one, kind == 1 ? SPAN("y") : SPAN("x"),
                  kind == 2 ? 200000 : 100000);
        for (uint64_t entry = 1; entry <= 1000; entry++)
            same[kind] += draw_position(&base, entry) == draw_position(&other, entry);
    }
    for (unsigned kind = 0; kind < 3; kind++)
        assert_true(same[kind] < 5);
}

/* Pages and outside programs must agree; the values come from an independent program. */
TEST_CASE(the_draw_matches_the_vectors)
{
    uint8_t seed[DRAW_SEED_BYTES];
    for (unsigned i = 0; i < DRAW_SEED_BYTES; i++)
        seed[i] = (uint8_t)i;
    uint8_t commitment[DRAW_COMMITMENT_BYTES];
    char hex[2 * DRAW_COMMITMENT_BYTES + 1];
    draw_commit(seed, commitment);
    sodium_bin2hex(hex, sizeof(hex), commitment, sizeof(commitment));
    assert_string_equal(hex, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd");
    struct draw draw;
    draw_init(&draw, seed, SPAN("2026-11-20"), 1000003);
    static const uint64_t want[][2] = {{1, 72035},       {2, 180339},       {3, 672821},
                                       {500000, 497797}, {1000002, 835005}, {1000003, 900089}};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(draw_position(&draw, want[i][0]), want[i][1]);
}

/* Over many draws, each entry must land on each position equally often. The statistic is chi-square
 * with (N-1)^2 degrees of freedom; beyond five standard deviations it is no accident. With few
 * degrees its tail is long, so the test uses its cube root, which is nearly normal from one degree
 * on (Wilson and Hilferty). */
static void check_uniform(uint64_t entries, unsigned draws, uint64_t number)
{
    static unsigned count[64][64];
    memset(count, 0, sizeof(count));
    for (unsigned i = 0; i < draws; i++) {
        uint8_t seed[DRAW_SEED_BYTES];
        seed_of(seed, number + i);
        struct draw draw;
        draw_init(&draw, seed, SPAN(""), entries);
        for (uint64_t entry = 1; entry <= entries; entry++)
            count[entry - 1][draw_position(&draw, entry) - 1]++;
    }
    double expected = (double)draws / (double)entries, chi = 0;
    for (uint64_t i = 0; i < entries; i++) {
        for (uint64_t j = 0; j < entries; j++)
            chi += ((double)count[i][j] - expected) * ((double)count[i][j] - expected) / expected;
    }
    double freedom = (double)((entries - 1) * (entries - 1));
    double spread = 2 / (9 * freedom);
    double deviations = (cbrt(chi / freedom) - (1 - spread)) / sqrt(spread);
    if (fabs(deviations) > 5)
        fail_msg("N = %lu: chi-square is %.1f standard deviations off", (unsigned long)entries,
                 deviations);
}

TEST_CASE(all_positions_are_equally_likely)
{
    uint64_t seed = unit_seed();
    static const uint64_t sizes[] = {2, 3, 4, 5, 7, 8, 13, 16, 31, 50, 64};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_uniform(sizes[i], 4000, seed);
}

/* Friends who entered one after the other must not be drawn close together. */
TEST_CASE(neighbours_are_as_far_apart_as_random_positions)
{
    uint8_t seed[DRAW_SEED_BYTES];
    seed_of(seed, unit_seed());
    struct draw draw;
    const uint64_t entries = 100000;
    draw_init(&draw, seed, SPAN(""), entries);
    double sum = 0;
    for (uint64_t entry = 1; entry < entries; entry++) {
        double a = (double)draw_position(&draw, entry), b = (double)draw_position(&draw, entry + 1);
        sum += fabs(a - b);
    }
    double mean = sum / (double)(entries - 1); /* of two random positions: N/3 */
    assert_true(fabs(mean / ((double)entries / 3) - 1) < 0.02);
}
