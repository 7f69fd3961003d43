/* cuts_test.c: the table of cuts, over random lines: every number has a place, every place a
 * number, and a published place never changes. */
#include "core/line/cuts.h"

#include "queue-front/lua/line_names.h"
#include "unit.h"

enum { LINES = 12, CUTS = 200, GROWN_MAX = 9, BUSY_SHARDS = 8, BUSY_CUTS = 500, BUSY_GROWN = 2500 };

struct line {
    struct rng_seeded seeded;
    uint8_t shards;
    struct cuts *cuts;
    struct cut given[CUTS];
};

static uint64_t below(struct line *line, uint64_t bound)
{
    return rng_below(&line->seeded.rng, bound);
}

static struct cut random_cut(struct line *line)
{
    static const enum cut_kind rare[] = {CUT_HOLE, CUT_GAP};
    uint64_t luck = below(line, 16);
    struct cut cut = {.kind = luck < 2 ? rare[luck] : CUT_JOINS};
    uint64_t one = cut.kind == CUT_GAP ? 0 : below(line, line->shards);
    cut.grown[one] = 1 + (uint32_t)below(line, GROWN_MAX);
    for (uint8_t k = 0; k < line->shards && cut.kind == CUT_JOINS; k++) {
        if (below(line, 2) == 0)
            cut.grown[k] = (uint32_t)below(line, GROWN_MAX);
    }
    return cut_ok(&cut, line->shards) ? cut : (struct cut){.grown = {1}};
}

/* With this many shards; 0: a random number. */
static void begin(struct line *line, uint64_t seed, uint8_t shards)
{
    rng_seeded_init(&line->seeded, seed);
    line->shards = shards > 0 ? shards : (uint8_t)(1 + below(line, CUT_SHARDS_MAX));
    line->cuts = cuts_create(line->shards);
    assert_non_null(line->cuts);
    assert_int_equal(0, cuts_count(line->cuts));
    for (uint32_t nth = 1; nth <= CUTS; nth++) {
        line->given[nth - 1] = random_cut(line);
        assert_int_equal(0, cuts_add(line->cuts, nth, &line->given[nth - 1], NULL));
        assert_int_equal(nth, cuts_count(line->cuts));
    }
}

/* Checks the place and the number at this rank of a cut that follows `place` places. */
static void check_place(struct line *line, const struct cut *cut, const uint64_t *upto,
                        uint64_t place, uint64_t rank)
{
    struct cuts_spot spot;
    assert_true(cuts_spot(line->cuts, place + rank, &spot));
    assert_int_equal(cut->kind, spot.kind);
    if (cut->kind == CUT_GAP) {
        assert_int_equal(0, spot.number);
        return;
    }
    struct cut_join join = cut_at(cut, line->shards, rank);
    assert_int_equal(join.shard, spot.shard);
    assert_int_equal(upto[join.shard] + join.nth, spot.number);
    assert_int_equal(place + rank, cuts_place(line->cuts, spot.shard, spot.number));
}

/* Checks the whole table: all ranks of each cut, in order. */
static void check_places(struct line *line)
{
    uint64_t place = 0, upto[CUT_SHARDS_MAX] = {0};
    uint32_t sum = 0;
    for (uint32_t nth = 1; nth <= CUTS; nth++) {
        const struct cut *cut = &line->given[nth - 1];
        uint64_t places = cut_places(cut, line->shards);
        assert_int_equal(sum, cuts_sum(line->cuts, nth - 1));
        sum = cut_sum(sum, cut, line->shards);
        for (uint64_t rank = 1; rank <= places; rank++)
            check_place(line, cut, upto, place, rank);
        place += places;
        for (uint8_t k = 0; k < line->shards; k++)
            upto[k] += cut_grown(cut, k);
    }
    struct cuts_spot spot;
    assert_int_equal(sum, cuts_sum(line->cuts, CUTS));
    assert_int_equal(place, cuts_places(line->cuts));
    assert_false(cuts_spot(line->cuts, place + 1, &spot));
    assert_false(cuts_spot(line->cuts, 0, &spot));
    for (uint8_t k = 0; k < line->shards; k++) {
        assert_int_equal(upto[k], cuts_upto(line->cuts, k));
        assert_int_equal(0, cuts_place(line->cuts, k, upto[k] + 1));
    }
}

TEST_CASE(numbers_and_places_match_one_to_one)
{
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < LINES; i++) {
        struct line line;
        begin(&line, seed + i, i == 0 ? 1 : 0);
        check_places(&line);
        cuts_destroy(line.cuts);
    }
}

/* Fronts get cuts from Redis and from each other, late and more than once. */
TEST_CASE(published_cuts_never_change)
{
    struct line line;
    begin(&line, unit_seed(), 0);
    for (uint32_t nth = 1; nth <= CUTS; nth++) {
        struct cut cut, was = line.given[nth - 1];
        assert_true(cuts_get(line.cuts, nth, &cut));
        assert_memory_equal(cut.grown, was.grown, sizeof(was.grown));
        assert_int_equal(0, cuts_add(line.cuts, nth, &was, NULL));
        was.grown[below(&line, line.shards)] += 1;
        was.kind = CUT_JOINS;
        assert_int_equal(ERR_EXISTS, cuts_add(line.cuts, nth, &was, NULL));
    }
    struct err_slot err;
    assert_int_equal(ERR_STATE, cuts_add(line.cuts, CUTS + 2, &line.given[0], &err));
    assert_says(&err, "cut 202 behind cut 200");
    struct cut cut;
    assert_false(cuts_get(line.cuts, 0, &cut));
    assert_false(cuts_get(line.cuts, CUTS + 1, &cut));
    assert_int_equal(CUTS, cuts_count(line.cuts));
    check_places(&line);
    cuts_destroy(line.cuts);
}

TEST_CASE(a_hole_of_the_same_length_is_a_different_cut)
{
    struct cuts *cuts = cuts_create(2);
    struct cut cut = {.grown = {5}}, hole = {.grown = {5}, .kind = CUT_HOLE};
    assert_int_equal(0, cuts_add(cuts, 1, &cut, NULL));
    assert_int_equal(ERR_EXISTS, cuts_add(cuts, 1, &hole, NULL));
    cuts_destroy(cuts);
}

TEST_CASE(ten_seconds_of_a_million_joins_are_at_most_16_kib)
{
    struct cuts *cuts = cuts_create(BUSY_SHARDS);
    for (uint32_t nth = 1; nth <= BUSY_CUTS; nth++) {
        struct cut cut = {.kind = CUT_JOINS};
        for (uint8_t k = 0; k < BUSY_SHARDS; k++)
            cut.grown[k] = BUSY_GROWN + (nth * 31 + k * 7u) % 100;
        assert_int_equal(0, cuts_add(cuts, nth, &cut, NULL));
    }
    assert_true(cuts_places(cuts) >= (uint64_t)BUSY_SHARDS * BUSY_CUTS * BUSY_GROWN);
    print_message("%zu bytes\n", cuts_bytes(cuts));
    assert_true(cuts_bytes(cuts) <= 16 * 1024);
    cuts_destroy(cuts);
}

TEST_CASE(a_full_line_refuses_a_cut_and_stays_unchanged)
{
    struct cuts *cuts = cuts_create(2);
    struct cut most = {.grown = {CUT_SHARD_JOINS_MAX - 1}}, two = {.grown = {1, 1}};
    struct cut one = {.grown = {0, 1}};
    assert_int_equal(0, cuts_add(cuts, 1, &most, NULL));
    assert_int_equal(ERR_FULL, cuts_add(cuts, 2, &two, NULL));
    assert_int_equal(0, cuts_add(cuts, 2, &one, NULL));
    assert_int_equal(ERR_FULL, cuts_add(cuts, 3, &one, NULL));
    assert_int_equal(LINE_PLACE_MAX, cuts_places(cuts));
    assert_int_equal(LINE_PLACE_MAX, cuts_place(cuts, 1, 1));
    cuts_destroy(cuts);
}

/* As many cuts as are allowed. They become rarer over time, so that they last. */
TEST_CASE(an_old_line_is_cut_less_often_and_has_a_bound)
{
    struct cuts *cuts = cuts_create(3);
    uint64_t ms = 0;
    uint32_t step = cuts_step_ms(cuts);
    assert_int_equal(20, step);
    for (uint32_t nth = 1; nth <= CUTS_MAX; nth++) {
        struct cut cut = {.kind = CUT_JOINS};
        cut.grown[nth % 3] = 1;
        assert_int_equal(0, cuts_add(cuts, nth, &cut, NULL));
        assert_true(cuts_step_ms(cuts) >= step);
        step = cuts_step_ms(cuts);
        ms += step;
    }
    assert_int_equal(1280, step);
    assert_true(ms > UINT64_C(10) * 86400 * 1000);
    assert_int_equal(ERR_FULL, cuts_add(cuts, CUTS_MAX + 1, &(struct cut){.grown = {1}}, NULL));
    assert_int_equal(CUTS_MAX, cuts_place(cuts, CUTS_MAX % 3, cuts_upto(cuts, CUTS_MAX % 3)));
    print_message("%zu bytes\n", cuts_bytes(cuts));
    cuts_destroy(cuts);
}
