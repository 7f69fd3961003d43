/* cut_test.c: one cut: its order compared with a naive sort, and its text. */
#include "core/line/cut.h"

#include "unit.h"

enum { RUNS = 300, JOINS_MAX = 60 };

struct placed {
    struct cut_join join;
    uint32_t of; /* joins of the same shard */
};

/* Sorts by (2i - 1) / 2d, then by shard. */
static int by_time(const void *a, const void *b)
{
    const struct placed *one = a, *other = b;
    uint64_t left = (2 * (uint64_t)one->join.nth - 1) * other->of;
    uint64_t right = (2 * (uint64_t)other->join.nth - 1) * one->of;
    if (left != right)
        return left < right ? -1 : 1;
    return (int)one->join.shard - (int)other->join.shard;
}

static struct cut random_cut(const struct rng *rng, uint8_t shards)
{
    struct cut cut = {.kind = rng_below(rng, 8) == 0 ? CUT_HOLE : CUT_JOINS};
    cut.grown[rng_below(rng, shards)] = 1 + (uint32_t)rng_below(rng, JOINS_MAX);
    uint64_t alike = 1 + rng_below(rng, JOINS_MAX);
    for (uint8_t k = 0; k < shards && cut.kind == CUT_JOINS; k++) {
        uint64_t of = rng_below(rng, 4);
        if (of > 0)
            cut.grown[k] = (uint32_t)(of == 1 ? alike : rng_below(rng, JOINS_MAX));
    }
    if (!cut_ok(&cut, shards)) /* all are 0 */
        cut.grown[0] = 1;
    return cut;
}

TEST_CASE(the_order_matches_a_naive_sort)
{
    const struct rng *rng = unit_rng();
    for (unsigned run = 0; run < RUNS; run++) {
        uint8_t shards = (uint8_t)(1 + rng_below(rng, CUT_SHARDS_MAX));
        struct cut cut = random_cut(rng, shards);
        struct placed sorted[CUT_SHARDS_MAX * JOINS_MAX];
        size_t len = 0;
        for (uint8_t k = 0; k < shards; k++) {
            for (uint32_t i = 1; i <= cut.grown[k]; i++)
                sorted[len++] = (struct placed){{k, i}, cut.grown[k]};
        }
        assert_int_equal(len, cut_places(&cut, shards));
        qsort(sorted, len, sizeof(sorted[0]), by_time);
        for (size_t at = 0; at < len; at++) {
            assert_int_equal(at + 1, cut_rank(&cut, shards, sorted[at].join));
            struct cut_join found = cut_at(&cut, shards, at + 1);
            assert_int_equal(sorted[at].join.shard, found.shard);
            assert_int_equal(sorted[at].join.nth, found.nth);
        }
    }
}

/* The highest possible numbers do not overflow. */
TEST_CASE(a_whole_line_fits_into_one_cut)
{
    struct cut cut = {.grown = {CUT_SHARD_JOINS_MAX, 1, CUT_SHARD_JOINS_MAX}};
    uint64_t all = 2 * (uint64_t)CUT_SHARD_JOINS_MAX + 1;
    assert_true(cut_ok(&cut, 3));
    assert_int_equal(all, cut_places(&cut, 3));
    assert_int_equal(1, cut_rank(&cut, 3, (struct cut_join){0, 1}));
    assert_int_equal(all, cut_rank(&cut, 3, (struct cut_join){2, CUT_SHARD_JOINS_MAX}));
    struct cut_join middle = cut_at(&cut, 3, all / 2 + 1);
    assert_int_equal(1, middle.shard);
    assert_int_equal(1, middle.nth);
}

/* As in cut.lua; tests/integration/line/shards.test.js checks what cut.lua writes for these. */
TEST_CASE(the_checksum_matches_the_scripts)
{
    uint32_t sum = cut_sum(0, &(struct cut){.grown = {3, 0}}, 2);
    assert_int_equal(1429104163, sum);
    sum = cut_sum(sum, &(struct cut){.grown = {100, 0}, .kind = CUT_GAP}, 2);
    assert_int_equal(408028321, sum);
}

TEST_CASE(impossible_cuts_are_refused)
{
    assert_false(cut_ok(&(struct cut){.kind = CUT_JOINS}, 4));
    assert_false(cut_ok(&(struct cut){.grown = {[4] = 1}}, 4));
    assert_false(cut_ok(&(struct cut){.grown = {1, 1}, .kind = CUT_HOLE}, 4));
    assert_false(cut_ok(&(struct cut){.grown = {CUT_SHARD_JOINS_MAX + 1}}, 4));
    assert_false(cut_ok(&(struct cut){.grown = {[3] = 1}, .kind = CUT_GAP}, 4));
    assert_false(cut_ok(&(struct cut){.grown = {1, 1}, .kind = CUT_GAP}, 4));
    assert_true(cut_ok(&(struct cut){.grown = {1}, .kind = CUT_GAP}, 4));
    assert_true(cut_ok(&(struct cut){.grown = {[3] = 1}, .kind = CUT_HOLE}, 4));
}

static bool parses(struct span text, uint8_t shards, struct cut *out)
{
    return cut_parse(text, shards, out, NULL) == 0;
}

TEST_CASE(a_cut_reads_back)
{
    const struct rng *rng = unit_rng();
    for (unsigned run = 0; run < RUNS; run++) {
        uint8_t shards = (uint8_t)(1 + rng_below(rng, CUT_SHARDS_MAX));
        struct cut cut = random_cut(rng, shards), read;
        if (rng_below(rng, 8) == 0)
            cut = (struct cut){.grown = {1 + (uint32_t)run}, .kind = CUT_GAP};
        char memory[CUT_TEXT_MAX];
        struct text text = text_on(memory, sizeof(memory));
        cut_put(&text, &cut, shards);
        assert_false(text.overflown);
        assert_true(parses(text_span(&text), shards, &read));
        assert_memory_equal(&cut.grown, &read.grown, sizeof(cut.grown));
        assert_int_equal(cut.kind, read.kind);
    }
}

TEST_CASE(the_longest_cut_fits)
{
    struct cut cut = {.kind = CUT_JOINS}, read;
    for (uint8_t k = 0; k < CUT_SHARDS_MAX; k++)
        cut.grown[k] = CUT_SHARD_JOINS_MAX;
    char memory[CUT_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory));
    cut_put(&text, &cut, CUT_SHARDS_MAX);
    assert_false(text.overflown);
    assert_int_equal(sizeof(memory), text.len);
    assert_true(parses(text_span(&text), CUT_SHARDS_MAX, &read));
}

TEST_CASE(malformed_cuts_are_refused)
{
    static const char *const wrong[] = {
        "",       "1",      "1c",        "1c,",    "1c,,,",         "1c0,1,",         "1c01,,",
        "1c+1,,", "1c1, ,", "1c1,1",     "1h1,1,", "1c1,,,",        "2c1,,",          "1x1,,",
        "c1,,",   "1c1,,x", "1c-1,,",    "1h,,",   "1c1073741825,", "1c,,1 ",         " 1c,,1",
        "1c1;1;", "1C1,,",  "1c1,2,3\n", "1c,,0",  "1c1,1,1,",      "1c4294967297,,", "1g,1,",
        "1g1,1,", "1g0,,",
    };
    struct cut cut;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(parses(span_of(wrong[i]), 3, &cut));
    assert_true(parses(SPAN("1c1,2,3"), 3, &cut));
    assert_true(parses(SPAN("1h,,4096"), 3, &cut));
    assert_true(parses(SPAN("1g128,,"), 3, &cut));
    struct err_slot err;
    assert_int_equal(ERR_SYNTAX, cut_parse(SPAN("1c1"), 3, &cut, &err));
    assert_says(&err, "a cut of 1 shards, where there are 3");
}
