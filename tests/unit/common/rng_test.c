/* rng_test.c: the seeded generator is the published one, and nothing below a bound is favoured. */
#include "unit.h"

#include <string.h>

static void the_seeded_generator_gives_the_published_numbers(void **state)
{
    (void)state;
    /* xoshiro256++ from the state 1, 2, 3, 4, as its authors' program prints it. */
    static const uint64_t want[] = {41943041,
                                    58720359,
                                    3588806011781223,
                                    3591011842654386,
                                    9228616714210784205u,
                                    9973669472204895162u};
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 0);
    memcpy(seeded.state, (uint64_t[]){1, 2, 3, 4}, sizeof(seeded.state));
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_true(rng_u64(&seeded.rng) == want[i]);
}

static void a_seed_is_spread_by_splitmix64(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 0);
    assert_true(seeded.state[0] == 0xE220A8397B1DCDAFu);
    assert_true(seeded.state[1] == 0x6E789E6AA1B965F4u);
}

static void the_same_seed_gives_the_same_bytes_and_another_gives_others(void **state)
{
    (void)state;
    struct rng_seeded a, b, c;
    rng_seeded_init(&a, 7);
    rng_seeded_init(&b, 7);
    rng_seeded_init(&c, 8);
    char from_a[37], from_b[37], from_c[37];
    rng_fill(&a.rng, from_a, sizeof(from_a));
    rng_fill(&b.rng, from_b, sizeof(from_b));
    rng_fill(&c.rng, from_c, sizeof(from_c));
    assert_memory_equal(from_a, from_b, sizeof(from_a));
    assert_memory_not_equal(from_a, from_c, sizeof(from_a));
}

static void a_bound_is_kept_and_every_number_below_it_comes(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, unit_seed());
    unsigned seen[7] = {0};
    for (unsigned i = 0; i < 70000; i++)
        seen[rng_below(&seeded.rng, 7)]++;
    /* 10,000 each; a thousand off is more than ten standard deviations. */
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(seen[i], 9000, 11000);
    assert_int_equal(0, rng_below(&seeded.rng, 1));
    for (unsigned i = 0; i < 1000; i++)
        assert_true(rng_below(&seeded.rng, (UINT64_MAX / 2) + 2) <= UINT64_MAX / 2 + 1);
}

static void the_kernel_s_numbers_do_not_repeat(void **state)
{
    (void)state;
    assert_true(rng_u64(rng_system()) != rng_u64(rng_system()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeded_generator_gives_the_published_numbers),
        cmocka_unit_test(a_seed_is_spread_by_splitmix64),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_and_another_gives_others),
        cmocka_unit_test(a_bound_is_kept_and_every_number_below_it_comes),
        cmocka_unit_test(the_kernel_s_numbers_do_not_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
