/* tally_test.c: counts per caller and minute, and the pauses between tries. */
#include "unit.h"

#include "pace/backoff.h"
#include "pace/tally.h"

#include <sodium.h>

static struct tally tally;

static struct span name(const uint64_t *number)
{
    return (struct span){(const char *)number, sizeof(*number)};
}

static void begin(void)
{
    memset(&tally, 0xff, sizeof(tally)); /* like uninitialised memory */
    tally_init(&tally);
}

UNIT_BETWEEN(begin, NULL)

TEST_CASE(a_count_ends_a_minute_after_its_first_call)
{
    struct span who = SPAN("somebody");
    assert_int_equal(0, tally_wait_ms(&tally, who, 1, 1000));
    for (unsigned i = 0; i < 3; i++)
        tally_add(&tally, who, 1000 + i * 1000);
    assert_int_equal(0, tally_wait_ms(&tally, who, 4, 3000));
    assert_int_equal(58000, tally_wait_ms(&tally, who, 3, 3000));
    assert_int_equal(0, tally_wait_ms(&tally, SPAN("else"), 1, 3000));
    assert_int_equal(1, tally_wait_ms(&tally, who, 3, 60999));
    assert_int_equal(0, tally_wait_ms(&tally, who, 1, 61000));
    assert_int_equal(0, tally_wait_ms(&tally, who, 1, 61001));
    tally_add(&tally, who, 61000);
    assert_int_equal(0, tally_wait_ms(&tally, who, 2, 61000));
    assert_int_equal(60000, tally_wait_ms(&tally, who, 1, 61000));
}

TEST_CASE(a_full_count_stays_full_for_its_time)
{
    struct span who = SPAN("somebody");
    tally_fill(&tally, who, 1000, 500);
    tally_fill(&tally, who, 1400, 500);
    assert_int_equal(1, tally_wait_ms(&tally, who, UINT32_MAX, 1499));
    tally_add(&tally, who, 1400);
    assert_int_equal(1, tally_wait_ms(&tally, who, UINT32_MAX, 1499));
    assert_int_equal(0, tally_wait_ms(&tally, who, 1, 1500));
}

TEST_CASE(a_crowd_needs_no_more_memory_and_each_new_caller_counts)
{
    for (uint64_t i = 0; i < 100000; i++) {
        tally_add(&tally, name(&i), 1000 + i);
        assert_true(tally_wait_ms(&tally, name(&i), 1, 1000 + i) > 0);
    }
}

static unsigned set_of(struct span who)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)who.ptr, who.len, tally.key);
    return hash % TALLY_SETS;
}

enum { ALIKE = TALLY_WAYS + 1 }; /* one more than fit in a set */

/* Finds names, which are numbers, that share a set with the first. */
static void find_alike(uint64_t names[ALIKE])
{
    names[0] = 1;
    for (unsigned i = 1; i < ALIKE; i++) {
        names[i] = names[i - 1] + 1;
        while (set_of(name(&names[i])) != set_of(name(&names[0])))
            names[i]++;
    }
}

TEST_CASE(callers_that_share_a_set_have_their_own_counts)
{
    uint64_t names[ALIKE];
    find_alike(names);
    for (unsigned times = 1; times <= TALLY_WAYS; times++) {
        for (unsigned i = 0; i < times; i++)
            tally_add(&tally, name(&names[times - 1]), 1000);
    }
    for (unsigned times = 1; times <= TALLY_WAYS; times++) {
        assert_int_equal(60000, tally_wait_ms(&tally, name(&names[times - 1]), times, 1000));
        assert_int_equal(0, tally_wait_ms(&tally, name(&names[times - 1]), times + 1, 1000));
    }
}

TEST_CASE(a_full_set_forgets_the_count_that_ends_first)
{
    uint64_t names[ALIKE];
    for (unsigned first = 0; first < TALLY_WAYS; first++) {
        begin();
        find_alike(names);
        for (unsigned i = 0; i < TALLY_WAYS; i++)
            tally_add(&tally, name(&names[i]), i == first ? 1000 : 2000 + i);
        tally_add(&tally, name(&names[TALLY_WAYS]), 3000);
        for (unsigned i = 0; i < ALIKE; i++)
            assert_int_equal(tally_wait_ms(&tally, name(&names[i]), 1, 3000) == 0, i == first);
    }
}

TEST_CASE(each_tally_has_its_own_secret_key)
{
    uint8_t before[sizeof(tally.key)];
    memcpy(before, tally.key, sizeof(before));
    begin();
    assert_memory_not_equal(before, tally.key, sizeof(before));
}

/* ---- backoff ---- */

enum { DRAWS = 5000 };

TEST_CASE(the_backoff_bound_doubles_up_to_its_cap)
{
    static const uint32_t rows[][2] = {{1, 10},  {2, 20},  {3, 40},          {4, 80},
                                       {5, 100}, {6, 100}, {UINT32_MAX, 100}}; /* tries, bound */
    struct rng_seeded dice;
    rng_seeded_init(&dice, 1);
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        uint32_t most = 0, least = UINT32_MAX;
        for (int i = 0; i < DRAWS; i++) { /* enough to draw each of a hundred numbers */
            uint32_t ms = backoff_ms(10, 100, rows[row][0], &dice.rng);
            most = ms > most ? ms : most;
            least = ms < least ? ms : least;
        }
        assert_int_equal(0, least);
        assert_int_equal(rows[row][1], most);
    }
}
