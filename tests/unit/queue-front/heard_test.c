/* heard_test.c: marks of whom a front has heard, and when they are sent. */
#include "core/heard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool has(const struct heard *heard, uint64_t place)
{
    struct span block = heard_block(heard, (uint32_t)(place / HEARD_BLOCK_PLACES));
    uint64_t at = place % HEARD_BLOCK_PLACES;
    return ((uint8_t)block.ptr[at / 8] & (0x80u >> at % 8)) != 0;
}

static void a_mark_is_sent_with_its_block_once_an_epoch(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, 5000);
    assert_int_equal(heard_pick(&heard), 0);
    heard_mark(&heard, 2049);
    heard_mark(&heard, 2050);
    assert_int_equal(heard_pick(&heard), 1);
    assert_int_equal(heard.sent[0], 2);
    assert_true(has(&heard, 2049));
    assert_true(has(&heard, 2050));
    assert_false(has(&heard, 2051));
    heard_sent(&heard, true);
    heard_mark(&heard, 2049);
    assert_int_equal(heard_pick(&heard), 0);
    heard_turn(&heard, 8);
    assert_false(has(&heard, 2049));
    heard_mark(&heard, 2049);
    assert_int_equal(heard_pick(&heard), 1);
    heard_deinit(&heard);
}

static void marks_that_did_not_arrive_are_sent_again(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, 1);
    heard_mark(&heard, 1);
    assert_int_equal(heard_pick(&heard), 1);
    heard_mark(&heard, 2); /* while they are on their way */
    heard_sent(&heard, false);
    assert_int_equal(heard_pick(&heard), 1);
    heard_sent(&heard, true);
    assert_int_equal(heard_pick(&heard), 0);
    heard_deinit(&heard);
}

static void a_tick_takes_a_bounded_part_and_the_next_one_goes_on(void **state)
{
    (void)state;
    enum { BLOCKS = 40 };
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, BLOCKS * HEARD_BLOCK_PLACES);
    for (uint64_t block = 0; block < BLOCKS; block++)
        heard_mark(&heard, block * HEARD_BLOCK_PLACES + 5);
    unsigned sent[BLOCKS] = {0}, ticks = 0;
    for (uint32_t picked; (picked = heard_pick(&heard)) > 0; ticks++) {
        assert_in_range(picked, 1, HEARD_SEND_MAX);
        for (uint32_t i = 0; i < picked; i++)
            sent[heard.sent[i]]++;
        heard_mark(&heard, 6); /* a busy block does not push the others out */
        heard_sent(&heard, true);
    }
    for (size_t block = 1; block < BLOCKS; block++)
        assert_int_equal(sent[block], 1);
    assert_in_range(ticks, 3, 4);
    heard_deinit(&heard);
}

static void who_stands_beyond_the_room_is_not_marked_and_nothing_breaks(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_mark(&heard, 1);
    heard_reserve(&heard, UINT64_C(1) << 30);
    assert_int_equal(heard.blocks, HEARD_BLOCKS_MAX);
    heard_mark(&heard, UINT64_C(1) << 30);
    assert_int_equal(heard_pick(&heard), 0);
    heard_mark(&heard, (uint64_t)HEARD_BLOCKS_MAX * HEARD_BLOCK_PLACES - 1);
    assert_int_equal(heard_pick(&heard), 1);
    heard_deinit(&heard);
}

static void a_growing_line_keeps_its_marks(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 1);
    heard_reserve(&heard, 10);
    heard_mark(&heard, 10);
    for (uint64_t issued = 1000; issued <= 1000000; issued *= 10)
        heard_reserve(&heard, issued);
    assert_true(has(&heard, 10));
    heard_mark(&heard, 1000000);
    assert_int_equal(heard_pick(&heard), 2);
    heard_deinit(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_sent_with_its_block_once_an_epoch),
        cmocka_unit_test(marks_that_did_not_arrive_are_sent_again),
        cmocka_unit_test(a_tick_takes_a_bounded_part_and_the_next_one_goes_on),
        cmocka_unit_test(who_stands_beyond_the_room_is_not_marked_and_nothing_breaks),
        cmocka_unit_test(a_growing_line_keeps_its_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
