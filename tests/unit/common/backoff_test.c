/* backoff_test.c: waits between nothing and a bound that doubles up to its cap. */
#include "unit.h"

#include "pace/backoff.h"

enum { DRAWS = 5000 };

/* Of a hundred numbers each is drawn in so many draws. */
static void assert_bound(const struct rng *rng, uint32_t tries, uint32_t bound_ms)
{
    uint32_t most = 0, least = UINT32_MAX;
    for (int i = 0; i < DRAWS; i++) {
        uint32_t ms = backoff_ms(10, 100, tries, rng);
        most = ms > most ? ms : most;
        least = ms < least ? ms : least;
    }
    assert_int_equal(0, least);
    assert_int_equal(bound_ms, most);
}

static void the_bound_doubles_with_each_try_up_to_its_cap(void **state)
{
    (void)state;
    struct rng_seeded dice;
    rng_seeded_init(&dice, 1);
    assert_bound(&dice.rng, 1, 10);
    assert_bound(&dice.rng, 2, 20);
    assert_bound(&dice.rng, 3, 40);
    assert_bound(&dice.rng, 4, 80);
    assert_bound(&dice.rng, 5, 100);
    assert_bound(&dice.rng, 6, 100);
    assert_bound(&dice.rng, UINT32_MAX, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_doubles_with_each_try_up_to_its_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
