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

struct told {
    uint64_t first, never;
    unsigned places;
};

static void tell(void *ctx, const struct bug_place *place)
{
    struct told *told = ctx;
    told->places++;
    if (strcmp(place->what, "test-first") == 0)
        told->first += place->count;
    else if (strcmp(place->what, "test-never") == 0)
        told->never += place->count;
}

static void each_place_counts_for_itself_and_is_there_before_anything_happened(void **state)
{
    (void)state;
    struct told told = {0};
    bug_each(tell, &told);
    assert_int_equal(0, told.first);
    assert_true(told.places >= 2);
    for (unsigned i = 0; i < 3; i++)
        so_it_was(true);
    so_it_was(false);
    never(false);
    struct told after = {0};
    bug_each(tell, &after);
    assert_int_equal(3, after.first);
    assert_int_equal(0, after.never);
    assert_int_equal(told.places, after.places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_place_counts_for_itself_and_is_there_before_anything_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
