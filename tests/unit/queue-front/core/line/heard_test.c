/* heard_test.c: marks of those a front has heard from, and when they are told. */
#include "core/line/heard.h"

#include "core/line/ghosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool has(const struct heard *heard, uint64_t epoch, uint64_t place)
{
    struct heard_page page = {epoch, (uint32_t)(place / HEARD_PAGE_PLACES)};
    struct span marks = heard_marks(heard, page);
    uint64_t at = place % HEARD_PAGE_PLACES;
    return at / 8 < marks.len && ((uint8_t)marks.ptr[at / 8] & (0x80u >> at % 8)) != 0;
}

static void a_mark_is_told_with_its_page_once_an_epoch(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, 200000);
    assert_int_equal(heard_pick(&heard), 0);
    heard_mark(&heard, 131073);
    heard_mark(&heard, 131074);
    assert_int_equal(heard_pick(&heard), 1);
    assert_int_equal(heard.sent[0].page, 2);
    assert_int_equal(heard.sent[0].epoch, 7);
    assert_true(has(&heard, 7, 131073));
    assert_true(has(&heard, 7, 131074));
    assert_false(has(&heard, 7, 131075));
    assert_int_equal(heard_marks(&heard, heard.sent[0]).len, 1); /* the rest is empty */
    heard_sent(&heard, true);
    heard_mark(&heard, 131073);
    assert_int_equal(heard_pick(&heard), 0);
    heard_turn(&heard, 8);
    assert_false(has(&heard, 8, 131073));
    heard_mark(&heard, 131073);
    assert_int_equal(heard_pick(&heard), 1);
    heard_deinit(&heard);
}

static void marks_that_did_not_arrive_are_told_again(void **state)
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

static void what_was_not_told_survives_the_end_of_its_epoch_and_is_told_first(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, 1);
    heard_mark(&heard, 5);
    assert_int_equal(heard_pick(&heard), 1);
    heard_turn(&heard, 8); /* while it is on its way */
    heard_sent(&heard, false);
    heard_mark(&heard, 6);
    assert_false(heard_last_told(&heard));
    assert_int_equal(heard_pick(&heard), 2);
    assert_int_equal(heard.sent[0].epoch, 7);
    assert_true(has(&heard, 7, 5));
    assert_false(has(&heard, 7, 6));
    assert_true(has(&heard, 8, 6));
    assert_true(heard_last_told(&heard) && heard_all_told(&heard));
    heard_sent(&heard, false);
    heard_turn(&heard, 9);
    heard_turn(&heard, 10); /* two epochs later it is of no use */
    assert_true(heard_all_told(&heard));
    heard_mark(&heard, 6);
    heard_turn(&heard, 12);
    assert_true(heard_all_told(&heard));
    heard_deinit(&heard);
}

/* The slowest tick of many fronts is 300 ms; whoever was heard must be known within a third of an
 * epoch, of which the default has 90 s. */
static void ten_million_are_told_within_a_third_of_an_epoch(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, 10000000);
    for (uint64_t place = 1; place <= 10000000; place += 1024)
        heard_mark(&heard, place);
    unsigned calls = 0;
    for (; heard_pick(&heard) > 0; calls++)
        heard_sent(&heard, true);
    assert_true(calls * 300 <= 30000);
    heard_deinit(&heard);
}

static void whoever_stands_beyond_the_room_is_not_marked_and_nothing_breaks(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_mark(&heard, 1);
    heard_reserve(&heard, UINT64_C(1) << 30);
    assert_int_equal(heard.pages, HEARD_PAGES_MAX);
    heard_mark(&heard, UINT64_C(1) << 30);
    assert_int_equal(heard_pick(&heard), 0);
    heard_mark(&heard, (uint64_t)HEARD_PAGES_MAX * HEARD_PAGE_PLACES - 1);
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
    assert_true(has(&heard, 1, 10));
    heard_mark(&heard, 1000000);
    assert_int_equal(heard_pick(&heard), 2);
    heard_deinit(&heard);
}

static void somebody_who_was_gone_is_told_of_at_once(void **state)
{
    (void)state;
    struct ghosts ghosts = {0};
    struct heard heard = {.ghosts = &ghosts};
    assert_true(ghosts_take_page(&ghosts, 0, SPAN("\x40"))); /* place 1 */
    ghosts.seq = 1;
    ghosts_take(&ghosts, (struct ghosts_told){.seq = 1, .whole = 1}, 1);
    heard_turn(&heard, 1);
    heard_reserve(&heard, 10);
    heard_mark(&heard, 2);
    assert_false(heard.urgent);
    heard_mark(&heard, 1);
    assert_true(heard.urgent);
    heard_mark(&heard, 3);
    assert_true(heard.urgent); /* whoever else is heard of */
    heard_pick(&heard);
    assert_false(heard.urgent);
    heard_deinit(&heard);
    ghosts_deinit(&ghosts);
}

static void an_epoch_begins_without_the_marks_of_the_one_before_the_last(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, 100000);
    heard_mark(&heard, 5);
    heard_mark(&heard, 70000);
    assert_int_equal(heard_pick(&heard), 2);
    heard_sent(&heard, true);
    heard_turn(&heard, 7); /* the same: nothing turns */
    assert_true(has(&heard, 7, 5) && has(&heard, 7, 70000));
    heard_turn(&heard, 8);
    assert_true(has(&heard, 7, 5) && has(&heard, 7, 70000));
    assert_false(has(&heard, 8, 5) || has(&heard, 8, 70000));
    heard_turn(&heard, 9); /* what held epoch 7 holds 9 now */
    assert_false(has(&heard, 9, 5) || has(&heard, 9, 70000));
    assert_false(has(&heard, 8, 5) || has(&heard, 8, 70000));
    heard_mark(&heard, 70000);
    assert_int_equal(heard_pick(&heard), 1);
    assert_int_equal(heard.sent[0].epoch, 9);
    assert_int_equal(heard.sent[0].page, 1);
    heard_sent(&heard, true);
    heard_turn(&heard, 11); /* one was slept through: both are empty */
    assert_false(has(&heard, 10, 70000) || has(&heard, 11, 70000));
    heard_deinit(&heard);
}

static void what_was_not_told_in_two_epochs_is_not_told_in_the_third(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, 100000);
    heard_mark(&heard, 5);
    heard_turn(&heard, 8);
    heard_mark(&heard, 70000);
    heard_turn(&heard, 9);
    assert_false(heard_last_told(&heard)); /* page 1 of epoch 8, not page 0 of epoch 7 */
    assert_int_equal(heard_pick(&heard), 1);
    assert_int_equal(heard.sent[0].epoch, 8);
    assert_int_equal(heard.sent[0].page, 1);
    heard_sent(&heard, true);
    heard_mark(&heard, 5);
    assert_false(heard_all_told(&heard));
    assert_int_equal(heard_pick(&heard), 1);
    heard_turn(&heard, 10);
    heard_turn(&heard, 11);
    heard_sent(&heard, false); /* of epoch 9: too long ago */
    assert_true(heard_all_told(&heard));
    heard_deinit(&heard);
}

static void all_that_did_not_arrive_is_told_again(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, 300000);
    for (uint64_t page = 0; page < HEARD_SEND_MAX; page++)
        heard_mark(&heard, page * HEARD_PAGE_PLACES);
    assert_int_equal(heard_pick(&heard), HEARD_SEND_MAX);
    heard_sent(&heard, false);
    assert_int_equal(heard.dirty_len[0], HEARD_SEND_MAX);
    assert_int_equal(heard_pick(&heard), HEARD_SEND_MAX);
    heard_sent(&heard, true);
    assert_true(heard_all_told(&heard));
    heard_deinit(&heard);
}

static void a_store_that_forgot_is_told_both_epochs_and_no_empty_page(void **state)
{
    (void)state;
    struct heard heard = {0};
    heard_tell_again(&heard); /* nobody was heard yet */
    assert_true(heard_all_told(&heard));
    heard_turn(&heard, 7);
    heard_reserve(&heard, 300000);
    heard_mark(&heard, 0);
    heard_mark(&heard, 200000);
    assert_int_equal(heard_pick(&heard), 2);
    heard_sent(&heard, true);
    heard_turn(&heard, 8);
    heard_mark(&heard, 70000);
    assert_int_equal(heard_pick(&heard), 1);
    heard_sent(&heard, true);
    heard_tell_again(&heard);
    assert_int_equal(heard.dirty_len[0], 1);
    assert_int_equal(heard.dirty_len[1], 2);
    const struct heard_page wanted[] = {{7, 0}, {7, 3}, {8, 1}};
    for (size_t i = 0; i < 3; heard_sent(&heard, true)) {
        uint32_t picked = heard_pick(&heard);
        assert_in_range(picked, 1, 3 - i);
        for (uint32_t j = 0; j < picked; j++, i++) {
            assert_int_equal(heard.sent[j].epoch, wanted[i].epoch);
            assert_int_equal(heard.sent[j].page, wanted[i].page);
        }
    }
    assert_true(heard_all_told(&heard));
    heard_deinit(&heard);
}

static void the_older_epoch_is_told_whole_before_the_newer_one(void **state)
{
    (void)state;
    enum { PAGES = HEARD_SEND_MAX + 2 };
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, (uint64_t)PAGES * HEARD_PAGE_PLACES);
    for (uint64_t page = 0; page < PAGES; page++)
        heard_mark(&heard, page * HEARD_PAGE_PLACES);
    heard_turn(&heard, 8);
    for (uint64_t page = 0; page < PAGES; page++)
        heard_mark(&heard, page * HEARD_PAGE_PLACES);
    for (uint32_t told = 0; told < 2 * PAGES;) {
        uint32_t picked = heard_pick(&heard);
        uint32_t left = 2 * PAGES - told;
        assert_int_equal(picked, left < HEARD_SEND_MAX ? left : HEARD_SEND_MAX);
        for (uint32_t i = 0; i < picked; i++, told++) {
            assert_int_equal(heard.sent[i].epoch, told < PAGES ? 7 : 8);
            assert_int_equal(heard.sent[i].page, told % PAGES);
        }
        heard_sent(&heard, true);
        assert_int_equal(heard_last_told(&heard), told >= PAGES);
        assert_int_equal(heard_all_told(&heard), told == 2 * PAGES);
    }
    heard_deinit(&heard);
}

static void pages_that_change_all_the_time_keep_no_others_from_being_told(void **state)
{
    (void)state;
    enum { PAGES = 2 * HEARD_SEND_MAX + 1, CALLS = 2 * PAGES };
    struct heard heard = {0};
    heard_turn(&heard, 7);
    heard_reserve(&heard, (uint64_t)PAGES * HEARD_PAGE_PLACES - HEARD_AHEAD_PLACES - 1);
    assert_int_equal(heard.pages, PAGES);
    for (uint32_t call = 0; call < CALLS; call++) {
        for (uint64_t page = 0; page < PAGES; page++)
            heard_mark(&heard, page * HEARD_PAGE_PLACES + call);
        assert_int_equal(heard_pick(&heard), HEARD_SEND_MAX);
        for (uint32_t i = 0; i < HEARD_SEND_MAX; i++)
            assert_int_equal(heard.sent[i].page, (call * HEARD_SEND_MAX + i) % PAGES);
        heard_sent(&heard, true);
    }
    heard_deinit(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_told_with_its_page_once_an_epoch),
        cmocka_unit_test(marks_that_did_not_arrive_are_told_again),
        cmocka_unit_test(what_was_not_told_survives_the_end_of_its_epoch_and_is_told_first),
        cmocka_unit_test(ten_million_are_told_within_a_third_of_an_epoch),
        cmocka_unit_test(whoever_stands_beyond_the_room_is_not_marked_and_nothing_breaks),
        cmocka_unit_test(a_growing_line_keeps_its_marks),
        cmocka_unit_test(somebody_who_was_gone_is_told_of_at_once),
        cmocka_unit_test(an_epoch_begins_without_the_marks_of_the_one_before_the_last),
        cmocka_unit_test(what_was_not_told_in_two_epochs_is_not_told_in_the_third),
        cmocka_unit_test(all_that_did_not_arrive_is_told_again),
        cmocka_unit_test(a_store_that_forgot_is_told_both_epochs_and_no_empty_page),
        cmocka_unit_test(the_older_epoch_is_told_whole_before_the_newer_one),
        cmocka_unit_test(pages_that_change_all_the_time_keep_no_others_from_being_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
