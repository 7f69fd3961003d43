/* turns_test.c: the table of what became of places, and its log's words. */
#include "core/line/turns.h"

#include "unit.h"

static void a_place_is_found_as_it_was_noted_last(void **state)
{
    (void)state;
    struct turns turns = {0};
    assert_int_equal(TURN_NONE, turns_of(NULL, 7).kind);
    assert_int_equal(TURN_NONE, turns_of(&turns, 7).kind);
    turns_note(&turns, (struct turn){.place = 7, .kind = TURN_KEPT, .until_ms = 90, .times = 1});
    assert_int_equal(90, turns_of(&turns, 7).until_ms);
    turns_note(&turns, (struct turn){.place = 7, .kind = TURN_DONE});
    assert_int_equal(TURN_DONE, turns_of(&turns, 7).kind);
    assert_int_equal(TURN_NONE, turns_of(&turns, 8).kind);
    turns_deinit(&turns);
}

static void places_of_one_slot_have_room_until_the_table_is_full(void **state)
{
    (void)state;
    struct turns turns = {0};
    for (uint64_t place = 1; place <= TURNS_PLACES_MAX; place++)
        turns_note(&turns, (struct turn){.place = place, .kind = TURN_ENDED});
    for (uint64_t place = 1; place <= TURNS_PLACES_MAX; place++)
        assert_int_equal(TURN_ENDED, turns_of(&turns, place).kind);
    assert_int_equal(TURNS_PLACES_MAX, turns.cap);
    turns_note(&turns, (struct turn){.place = TURNS_PLACES_MAX + 5, .kind = TURN_DONE});
    assert_int_equal(TURNS_PLACES_MAX, turns.cap);
    assert_int_equal(TURN_DONE, turns_of(&turns, TURNS_PLACES_MAX + 5).kind);
    assert_int_equal(TURN_NONE, turns_of(&turns, 5).kind);
    turns_note(&turns, (struct turn){.place = 5, .kind = TURN_DONE}); /* told late */
    assert_int_equal(TURN_DONE, turns_of(&turns, TURNS_PLACES_MAX + 5).kind);
    turns_deinit(&turns);
}

static void the_log_is_read_to_the_letter(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",         "7",         "7:1",    "7:1:0",   "0:1:0:0",  "7:9:0:0",         "7:1:0:256",
        "-7:1:0:0", "7:1:0:0:0", "7:1::0", "7:x:0:0", "7:1:0:0 ", "4294967296:1:0:0"};
    struct turn turn = {.place = 3};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(turn_parse(span_of(bad[i]), &turn));
    assert_int_equal(3, turn.place);
    assert_true(turn_parse(SPAN("1073741824:1:1763712000123:10"), &turn));
    assert_int_equal(1073741824, turn.place);
    assert_int_equal(TURN_KEPT, turn.kind);
    assert_int_equal(UINT64_C(1763712000123), turn.until_ms);
    assert_int_equal(10, turn.times);
}

static void a_table_that_grows_keeps_what_few_it_has(void **state)
{
    (void)state;
    struct turns turns = {0};
    turns_note(&turns, (struct turn){.place = 3, .kind = TURN_DONE});
    uint32_t before = turns.cap;
    turns_note(&turns, (struct turn){.place = 3 + before, .kind = TURN_ENDED});
    assert_int_equal(turns.cap, 2 * before);
    assert_int_equal(turns_of(&turns, 3).kind, TURN_DONE);
    assert_int_equal(turns_of(&turns, 3 + before).kind, TURN_ENDED);
    for (uint64_t place = 1; place <= 2 * before; place++) {
        if (place != 3 && place != 3 + before)
            assert_int_equal(turns_of(&turns, place).kind, TURN_NONE);
    }
    turns_deinit(&turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_found_as_it_was_noted_last),
        cmocka_unit_test(places_of_one_slot_have_room_until_the_table_is_full),
        cmocka_unit_test(the_log_is_read_to_the_letter),
        cmocka_unit_test(a_table_that_grows_keeps_what_few_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
