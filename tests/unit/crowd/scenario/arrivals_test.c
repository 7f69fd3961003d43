/* arrivals_test.c: the shapes of a rush, as drawn and as read from a file. */
#include "scenario/arrivals.h"

#include "unit.h"

#include <stdlib.h>

enum { MANY = 20000, SECOND = 1000000 };

/* How many of MANY come before each of the given instants. */
static void count(const struct arrivals *arrivals, const uint64_t *before_us, unsigned len,
                  unsigned *out)
{
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned n = 0; n < MANY; n++) {
        uint64_t at_us = arrivals_at(arrivals, n, &rng.rng);
        for (unsigned i = 0; i < len; i++)
            out[i] += at_us < before_us[i];
    }
}

static struct arrivals *made(enum arrivals_kind kind, const char *file)
{
    struct err_slot err;
    struct arrivals *arrivals;
    struct arrivals_conf conf = {kind, 100 * SECOND, MANY, file};
    if (arrivals_create(&conf, &err, &arrivals) < 0)
        fail_msg("%s", err.text);
    return arrivals;
}

/* Five standard deviations of a share of MANY, at most. */
#define ABOUT(got, share) assert_in_range((got), (share)*MANY - 354, (share)*MANY + 354)

static void half_of_a_spike_comes_in_its_first_tenth(void **state)
{
    (void)state;
    struct arrivals *arrivals = made(ARRIVALS_SPIKE, "");
    unsigned got[3] = {0};
    count(arrivals, (uint64_t[]){10 * SECOND, 55 * SECOND, 100 * SECOND}, 3, got);
    ABOUT(got[0], 0.5);
    ABOUT(got[1], 0.75);
    assert_int_equal(got[2], MANY);
    arrivals_destroy(arrivals);
}

static void other_crowds_come_evenly_or_at_random(void **state)
{
    (void)state;
    struct arrivals *arrivals = made(ARRIVALS_EVEN, "");
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    assert_int_equal(arrivals_at(arrivals, MANY / 4, &rng.rng), 25 * SECOND);
    arrivals_destroy(arrivals);
    arrivals = made(ARRIVALS_POISSON, "");
    unsigned got[2] = {0};
    count(arrivals, (uint64_t[]){10 * SECOND, 50 * SECOND}, 2, got);
    ABOUT(got[0], 0.1);
    ABOUT(got[1], 0.5);
    arrivals_destroy(arrivals);
}

static void a_curve_is_replayed_at_its_own_pace(void **state)
{
    (void)state;
    char *path = unit_file(SPAN("# a quiet minute, a rush, nobody, the rest\n"
                                "0 10\n60 300   # the doors\n\n62 0\n70 20.0\n100 0\n"),
                           0600);
    struct arrivals *arrivals = made(ARRIVALS_CURVE, path);
    unsigned got[4] = {0}; /* 600 + 600 + 0 + 600 */
    count(arrivals, (uint64_t[]){60 * SECOND, 62 * SECOND, 70 * SECOND, 100 * SECOND}, 4, got);
    ABOUT(got[0], 1.0 / 3);
    ABOUT(got[1], 2.0 / 3);
    assert_int_equal(got[2], got[1]);
    assert_int_equal(got[3], MANY);
    arrivals_destroy(arrivals);
    unit_file_remove(path);
}

static void one_seed_brings_the_same_people_at_the_same_instants(void **state)
{
    (void)state;
    struct arrivals *arrivals = made(ARRIVALS_SPIKE, "");
    struct rng_seeded one, two;
    uint64_t seed = unit_seed();
    rng_seeded_init(&one, seed);
    rng_seeded_init(&two, seed);
    for (unsigned n = 0; n < 100; n++)
        assert_true(arrivals_at(arrivals, n, &one.rng) == arrivals_at(arrivals, n, &two.rng));
    arrivals_destroy(arrivals);
}

static void error_in_a_curve_names_file_and_line(void **state)
{
    (void)state;
    const struct {
        struct span text;
        const char *says;
    } bad[] = {
        {SPAN("0 10\n5 x\n"), ":2: write SECOND RATE"},
        {SPAN("0 10\n-5 1\n"), ":2: write SECOND RATE"},
        {SPAN("0 10\n9 1\n9 0\n"), ":3: second 9 does not come after 9"},
        {SPAN("0 10\n"), "nobody ever comes"},
        {SPAN("0 0\n9 5\n"), "nobody ever comes"},
        {SPAN("0 1 2\n"), ":1: write SECOND RATE"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *path = unit_file(bad[i].text, 0600);
        struct arrivals_conf conf = {ARRIVALS_CURVE, 0, 1, path};
        struct err_slot err;
        struct arrivals *arrivals;
        assert_true(arrivals_create(&conf, &err, &arrivals) < 0);
        assert_says(&err, bad[i].says);
        assert_says(&err, path);
        unit_file_remove(path);
    }
    struct arrivals_conf conf = {ARRIVALS_CURVE, 0, 1, "/no/such/curve"};
    struct err_slot err;
    struct arrivals *arrivals;
    assert_int_equal(arrivals_create(&conf, &err, &arrivals), ERR_IO);
    assert_says(&err, "/no/such/curve");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_a_spike_comes_in_its_first_tenth),
        cmocka_unit_test(other_crowds_come_evenly_or_at_random),
        cmocka_unit_test(a_curve_is_replayed_at_its_own_pace),
        cmocka_unit_test(one_seed_brings_the_same_people_at_the_same_instants),
        cmocka_unit_test(error_in_a_curve_names_file_and_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
