/* bug_test.c: odd events count where they happen, and each place is found. */
#include "unit.h"

#include "base/bug.h"

#include <string.h>

static void so_it_was(bool odd)
{
    if (odd)
        BUG_COUNT("test-first");
}

static void never(bool odd)
{
    if (odd)
        BUG_COUNT("test-never");
}

struct seen {
    uint64_t first, never;
    unsigned places;
};

static void on_place(void *ctx, const struct bug_place *place)
{
    struct seen *seen = ctx;
    seen->places++;
    if (strcmp(place->what, "test-first") == 0)
        seen->first += place->count;
    else if (strcmp(place->what, "test-never") == 0)
        seen->never += place->count;
}

static void each_place_has_its_own_count_from_the_start(void **state)
{
    (void)state;
    struct seen before = {0};
    bug_each(on_place, &before);
    assert_int_equal(0, before.first);
    assert_true(before.places >= 2);
    for (unsigned i = 0; i < 3; i++)
        so_it_was(true);
    so_it_was(false);
    never(false);
    struct seen after = {0};
    bug_each(on_place, &after);
    assert_int_equal(3, after.first);
    assert_int_equal(0, after.never);
    assert_int_equal(before.places, after.places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_place_has_its_own_count_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
