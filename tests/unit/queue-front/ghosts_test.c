/* ghosts_test.c: how many of those ahead are not there, for any place. */
#include "core/ghosts.h"

#include "base/rng.h"
#include "core/place.h"
#include "unit.h"

static void nobody_is_a_ghost_before_anybody_was_judged(void **state)
{
    (void)state;
    struct ghosts ghosts = {0};
    assert_int_equal(ghosts_before(NULL, 0, 5000), 0);
    assert_int_equal(ghosts_before(&ghosts, 0, 5000), 0);
    struct ghosts_count count = {.judged = 3000, .first = 0, .len = 1, .in_block = {100}};
    ghosts_take(&ghosts, &count);
    assert_int_equal(ghosts_before(&ghosts, 0, 5000), 100);
    count = (struct ghosts_count){.judged = 0};
    ghosts_take(&ghosts, &count);
    assert_int_equal(ghosts_before(&ghosts, 0, 5000), 0);
    assert_int_equal(ghosts_waiting(&ghosts), 0);
    ghosts_deinit(&ghosts);
}

static void
who_stands_behind_a_block_has_all_its_ghosts_ahead_and_who_stands_in_it_a_share(void **state)
{
    (void)state;
    struct ghosts ghosts = {0};
    struct ghosts_count count = {
        .judged = 4095, .serving = 1023, .first = 1, .len = 3, .in_block = {512, 0, 100}};
    ghosts_take(&ghosts, &count);
    assert_int_equal(ghosts_before(&ghosts, 1023, 1024), 0);
    assert_int_equal(ghosts_before(&ghosts, 1023, 1536), 256);
    assert_int_equal(ghosts_before(&ghosts, 1023, 2048), 512);
    assert_int_equal(ghosts_before(&ghosts, 1023, 3072), 512);
    assert_int_equal(ghosts_before(&ghosts, 1023, 9000), 612);
    assert_int_equal(ghosts_waiting(&ghosts), 612);
    ghosts_deinit(&ghosts);
}

static void ahead_leaves_ghosts_out_and_the_position_stays(void **state)
{
    (void)state;
    struct ghosts ghosts = {0};
    struct ghosts_count count = {
        .judged = 2047, .serving = 1023, .first = 1, .len = 1, .in_block = {400}};
    ghosts_take(&ghosts, &count);
    struct line_view view = {
        .state = LINE_OPEN, .issued = 5000, .serving = 1023, .ghosts = &ghosts};
    struct place place = place_at(&view, 3024, 0);
    assert_int_equal(place.position, 3024);
    assert_int_equal(place.ahead, 1600);
    ghosts_deinit(&ghosts);
}

/* Whatever was counted, and however far the line has moved since: nobody has fewer ahead than who
 * stands before them, and nobody fewer than none. */
static void ahead_never_falls_with_the_place(void **state)
{
    (void)state;
    uint64_t seed = rng_u64(rng_system()) | 1;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 300; round++) {
        struct ghosts ghosts = {0};
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t serving = (seed >> 33) % 6000;
        uint64_t judged = serving + (seed >> 21) % 9000;
        struct ghosts_count count = {
            .judged = judged, .serving = serving, .first = (serving + 1) / HEARD_BLOCK_PLACES};
        for (uint64_t b = count.first; b <= judged / HEARD_BLOCK_PLACES; b++) {
            uint64_t start = b * HEARD_BLOCK_PLACES, end = start + HEARD_BLOCK_PLACES - 1;
            uint64_t low = start > serving ? start : serving + 1;
            uint64_t high = end < judged ? end : judged;
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            count.in_block[count.len++] =
                (uint16_t)(high < low ? 0 : (seed >> 33) % (high - low + 2));
        }
        ghosts_take(&ghosts, &count);
        uint64_t now_serving = serving + (round % 3) * 700;
        uint64_t before = 0;
        for (uint64_t place = now_serving + 1; place < judged + 2000; place++) {
            uint64_t gone = ghosts_before(&ghosts, now_serving, place);
            assert_true(gone <= place - now_serving - 1);
            uint64_t ahead = place - now_serving - 1 - gone;
            assert_true(ahead >= before);
            before = ahead;
        }
        ghosts_deinit(&ghosts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_a_ghost_before_anybody_was_judged),
        cmocka_unit_test(
            who_stands_behind_a_block_has_all_its_ghosts_ahead_and_who_stands_in_it_a_share),
        cmocka_unit_test(ahead_leaves_ghosts_out_and_the_position_stays),
        cmocka_unit_test(ahead_never_falls_with_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
