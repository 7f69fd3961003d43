/* place_test.c: where a place stands, from before the opening to long after its call. */
#include "core/line/place.h"

#include "core/line/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct line_stretch calls[] = {
    {.upto = 10, .called_ms = 1000, .expires_ms = 61000},
    {.upto = 15, .called_ms = 1100, .expires_ms = 61100},
    {.upto = 20, .called_ms = 9000, .expires_ms = 69000},
};

static struct line_view open_line(void)
{
    return (struct line_view){
        .id = "show",
        .state = LINE_OPEN,
        .issued = 100,
        .serving = 20,
        .knobs.grace_ms = 5000,
        .redis_ms = 10000,
        .at_us = 500000,
        .calls = calls,
        .calls_len = 3,
    };
}

static void a_call_is_known_from_then_on(void **state)
{
    (void)state;
    struct line_view view = open_line();
    assert_int_equal(place_called_ms(&view, 1), 1000);
    assert_int_equal(place_called_ms(&view, 10), 1000);
    assert_int_equal(place_called_ms(&view, 11), 1100);
    assert_int_equal(place_called_ms(&view, 20), 9000);
    assert_int_equal(place_called_ms(&view, 21), 0); /* waits */
    view.calls_len = 2;
    assert_int_equal(place_called_ms(&view, 20), 0); /* called, but we were not told when */
}

static void before_the_opening_there_is_no_position(void **state)
{
    (void)state;
    struct line_view view = {.state = LINE_PRE_QUEUE, .issued = 50};
    struct place place = place_at(&view, 7, 0);
    assert_int_equal(place.state, PLACE_WAITING);
    assert_int_equal(place.position, 0);
    assert_int_equal(place.ahead, 25); /* anywhere: half of fifty, to expect */
}

static void whoever_is_next_has_nobody_ahead(void **state)
{
    (void)state;
    struct line_view view = open_line();
    struct place place = place_at(&view, 21, 10000);
    assert_int_equal(place.state, PLACE_WAITING);
    assert_int_equal(place.position, 21);
    assert_int_equal(place.ahead, 0);
    assert_int_equal(place_at(&view, 100, 10000).ahead, 79);
}

static void a_call_belongs_to_the_stretch_that_took_the_place_in(void **state)
{
    (void)state;
    struct line_view view = open_line();
    assert_int_equal(place_at(&view, 10, 10000).call_expires_ms, 61000);
    assert_int_equal(place_at(&view, 11, 10000).call_expires_ms, 61100);
    assert_int_equal(place_at(&view, 15, 10000).call_expires_ms, 61100);
    assert_int_equal(place_at(&view, 16, 10000).call_expires_ms, 69000);
    assert_int_equal(place_at(&view, 20, 10000).call_expires_ms, 69000);
}

static void a_call_runs_out_into_grace_and_then_for_good(void **state)
{
    (void)state;
    struct line_view view = open_line();
    assert_int_equal(place_at(&view, 10, 61000).state, PLACE_CALLED);
    assert_int_equal(place_at(&view, 10, 61001).state, PLACE_LATE);
    assert_int_equal(place_at(&view, 10, 66000).state, PLACE_LATE);
    struct place place = place_at(&view, 10, 66001);
    assert_int_equal(place.state, PLACE_EXPIRED);
    assert_int_equal(place.call_expires_ms, 0);
}

static void a_dead_place_has_run_out_whatever_the_stretches_say(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.dead = 8;
    assert_int_equal(place_at(&view, 8, 10000).state, PLACE_EXPIRED);
    assert_int_equal(place_at(&view, 9, 10000).state, PLACE_CALLED);
}

static void a_call_whose_stretch_is_not_known_yet_is_a_call(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.serving = 40; /* the front has just started and was told the first stretches only */
    struct place place = place_at(&view, 30, 10000);
    assert_int_equal(place.state, PLACE_CALLED);
    assert_int_equal(place.call_expires_ms, 0);
}

static void while_sold_out_nobodys_time_runs(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.state = LINE_SOLD_OUT;
    struct place place = place_at(&view, 10, 10000000);
    assert_int_equal(place.state, PLACE_CALLED);
    assert_int_equal(place.call_expires_ms, 0);
    assert_int_equal(place_at(&view, 50, 10000000).ahead, 29);
}

static void a_place_beyond_what_was_issued_waits_behind_all_known(void **state)
{
    (void)state;
    struct line_view view = open_line();
    struct place place = place_at(&view, 5000, 10000);
    assert_int_equal(place.state, PLACE_WAITING);
    assert_int_equal(place.ahead, 4979);
}

static void the_clock_goes_on_between_two_ticks_and_never_back(void **state)
{
    (void)state;
    struct line_view view = open_line();
    assert_int_equal(place_now_ms(&view, 500000), 10000);
    assert_int_equal(place_now_ms(&view, 1750000), 11250);
    assert_int_equal(place_now_ms(&view, 400000), 10000);
}

static void while_redis_is_silent_nobodys_time_runs_out(void **state)
{
    (void)state;
    struct line_view view = open_line();
    view.stale = true;
    uint64_t now_ms = place_now_ms(&view, 3600000000);
    assert_int_equal(place_at(&view, 10, now_ms).state, PLACE_CALLED);
}

static void while_redis_is_silent_the_time_goes_on(void **state)
{
    (void)state;
    struct line_view view = {.redis_ms = 10000, .at_us = 500000, .stale = true};
    assert_int_equal(place_time_ms(&view, 400000), 10000);
    assert_int_equal(place_time_ms(&view, 500000), 10000);
    assert_int_equal(place_time_ms(&view, 600500000), 610000);
}

static void a_visit_that_is_over_is_told_however_long_ago_the_call_was(void **state)
{
    (void)state;
    struct turns turns = {0};
    struct line_view view = open_line();
    view.turns = &turns;
    turns_note(&turns, (struct turn){.place = 12, .kind = TURN_DONE});
    turns_note(&turns, (struct turn){.place = 4, .kind = TURN_ENDED});
    view.dead = 10;
    struct place place = place_at(&view, 12, 10000);
    assert_int_equal(place.state, PLACE_DONE);
    assert_int_equal(place.call_expires_ms, 0);
    assert_true(place_is_over(place));
    assert_int_equal(place_at(&view, 4, 10000).state, PLACE_ENDED);
    assert_int_equal(place_at(&view, 5, 10000).state, PLACE_EXPIRED);
    assert_int_equal(place_at(&view, 13, 10000).state, PLACE_CALLED);
    assert_false(place_is_over(place_at(&view, 13, 10000)));
    turns_deinit(&turns);
}

/* The log in Redis may come from a program that allows more of them. */
static void a_call_extended_too_often_is_one_that_cannot_be_extended(void **state)
{
    (void)state;
    struct turns turns = {0};
    struct line_view view = open_line();
    view.turns = &turns;
    turns_note(&turns, (struct turn){.place = 12,
                                     .kind = TURN_KEPT,
                                     .until_ms = 1,
                                     .times = TURN_EXTENSIONS_MAX + 1});
    assert_int_equal(TURN_EXTENSIONS_MAX, place_at(&view, 12, 0).extensions);
    turns_deinit(&turns);
}

static void before_a_show_opens_somebody_who_joined_just_now_may_be_the_last(void **state)
{
    (void)state;
    static const enum line_state before[] = {LINE_DRAFT, LINE_SCHEDULED, LINE_PRE_QUEUE};
    for (unsigned i = 0; i < 3; i++) {
        struct line_view view = {.state = before[i], .issued = 50};
        assert_int_equal(place_at(&view, 90, 0).ahead, 45); /* fronts hear of joins later */
        assert_int_equal(place_at(&view, 50, 0).ahead, 25);
        assert_int_equal(place_at(&view, 90, 0).position, 0);
    }
}

static void an_extended_call_ends_later_and_never_sooner(void **state)
{
    (void)state;
    struct turns turns = {0};
    struct line_view view = open_line();
    view.turns = &turns;
    turns_note(&turns,
               (struct turn){.place = 12, .kind = TURN_KEPT, .until_ms = 61101, .times = 2});
    turns_note(&turns,
               (struct turn){.place = 13, .kind = TURN_KEPT, .until_ms = 61100, .times = 1});
    assert_int_equal(place_at(&view, 12, 10000).call_expires_ms, 61101);
    assert_int_equal(place_at(&view, 12, 10000).extensions, 2);
    assert_int_equal(place_at(&view, 13, 10000).call_expires_ms, 61100);
    view.stood_ms = 500; /* the line stood still for as long */
    assert_int_equal(place_at(&view, 12, 10000).call_expires_ms, 61601);
    assert_int_equal(place_at(&view, 12, 61602).state, PLACE_LATE);
    view.dead = 15; /* its stretch is forgotten, its own time is not */
    assert_int_equal(place_at(&view, 12, 61601).state, PLACE_CALLED);
    assert_int_equal(place_at(&view, 12, 66601).state, PLACE_LATE);
    assert_int_equal(place_at(&view, 12, 66602).state, PLACE_EXPIRED);
    view.state = LINE_FROZEN;
    assert_int_equal(place_at(&view, 12, 66601).state, PLACE_CALLED);
    assert_int_equal(place_at(&view, 12, 66601).call_expires_ms, 0);
    assert_int_equal(place_at(&view, 12, 66602).state, PLACE_EXPIRED);
    turns_deinit(&turns);
}

static void a_place_is_over_by_its_end_however_it_came(void **state)
{
    (void)state;
    static const bool over[PLACE_STATE_COUNT] = {
        [PLACE_EXPIRED] = true, [PLACE_ENDED] = true, [PLACE_DONE] = true};
    for (unsigned i = 0; i < PLACE_STATE_COUNT; i++)
        assert_int_equal(place_is_over((struct place){.state = (enum place_state)i}), over[i]);
}

static void after_the_draw_a_position_is_what_was_drawn(void **state)
{
    (void)state;
    static const uint8_t seed[DRAW_SEED_BYTES] = {1};
    struct line_view view = open_line();
    draw_init(&view.draw.order, seed, (struct span){NULL, 0}, 100);
    uint64_t sum = 0;
    bool moved = false;
    for (uint64_t entry = 1; entry <= 100; entry++) {
        view.draw.drawn = false;
        assert_int_equal(place_position(&view, entry), entry);
        view.draw.drawn = true;
        assert_int_equal(place_position(&view, entry), draw_position(&view.draw.order, entry));
        moved = moved || place_position(&view, entry) != entry;
        sum += place_position(&view, entry);
    }
    assert_true(moved);
    assert_int_equal(sum, 5050); /* each once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_known_from_then_on),
        cmocka_unit_test(before_the_opening_there_is_no_position),
        cmocka_unit_test(whoever_is_next_has_nobody_ahead),
        cmocka_unit_test(a_call_belongs_to_the_stretch_that_took_the_place_in),
        cmocka_unit_test(a_call_runs_out_into_grace_and_then_for_good),
        cmocka_unit_test(a_dead_place_has_run_out_whatever_the_stretches_say),
        cmocka_unit_test(a_visit_that_is_over_is_told_however_long_ago_the_call_was),
        cmocka_unit_test(a_call_whose_stretch_is_not_known_yet_is_a_call),
        cmocka_unit_test(a_call_extended_too_often_is_one_that_cannot_be_extended),
        cmocka_unit_test(while_sold_out_nobodys_time_runs),
        cmocka_unit_test(a_place_beyond_what_was_issued_waits_behind_all_known),
        cmocka_unit_test(while_redis_is_silent_nobodys_time_runs_out),
        cmocka_unit_test(while_redis_is_silent_the_time_goes_on),
        cmocka_unit_test(the_clock_goes_on_between_two_ticks_and_never_back),
        cmocka_unit_test(before_a_show_opens_somebody_who_joined_just_now_may_be_the_last),
        cmocka_unit_test(an_extended_call_ends_later_and_never_sooner),
        cmocka_unit_test(a_place_is_over_by_its_end_however_it_came),
        cmocka_unit_test(after_the_draw_a_position_is_what_was_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
