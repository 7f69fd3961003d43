/* turns_test.c: the outcomes of visits, and the words of their log. */
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

static void end(struct turns *turns, uint64_t place)
{
    turns_note(turns, (struct turn){.place = place, .kind = TURN_ENDED});
}

static void keep(struct turns *turns, uint64_t place)
{
    turns_note(turns, (struct turn){.place = place, .kind = TURN_KEPT, .until_ms = 1000 + place});
}

/* `kind` of each place, and what was kept of it. */
static void assert_all(const struct turns *turns, uint64_t from, uint64_t upto, enum turn_kind kind)
{
    for (uint64_t place = from; place <= upto; place++) {
        struct turn turn = turns_of(turns, place);
        assert_int_equal(kind, turn.kind);
        assert_int_equal(kind == TURN_KEPT ? 1000 + place : 0, turn.until_ms);
    }
}

static void the_newest_places_are_known_and_the_oldest_make_room(void **state)
{
    (void)state;
    enum { FIRST_UPTO = TURNS_BLOCK_PLACES - 1, ALL_UPTO = TURNS_PLACES_MAX - 1 };
    struct turns turns = {0};
    for (uint64_t place = 1; place <= ALL_UPTO; place++)
        end(&turns, place);
    assert_all(&turns, 1, ALL_UPTO, TURN_ENDED);
    turns_note(&turns, (struct turn){.place = TURNS_PLACES_MAX + 5, .kind = TURN_DONE});
    assert_int_equal(TURN_DONE, turns_of(&turns, TURNS_PLACES_MAX + 5).kind);
    assert_all(&turns, 1, FIRST_UPTO, TURN_NONE);
    assert_all(&turns, FIRST_UPTO + 1, ALL_UPTO, TURN_ENDED);
    turns_note(&turns, (struct turn){.place = 5, .kind = TURN_DONE}); /* told late */
    assert_all(&turns, 1, FIRST_UPTO, TURN_NONE);
    assert_all(&turns, TURNS_PLACES_MAX + 6, TURNS_PLACES_MAX + 40, TURN_NONE);
    assert_int_equal(TURN_DONE, turns_of(&turns, TURNS_PLACES_MAX + 5).kind);
    turns_deinit(&turns);
}

/* The memory of a front is judged over an hour of a sale, and this is what once grew in it. */
static void a_sale_of_sixteen_thousand_is_one_block_from_its_first_turn_on(void **state)
{
    (void)state;
    struct turns turns = {0};
    end(&turns, 1);
    const struct turns_block *block = turns.block[0];
    assert_non_null(block);
    for (uint64_t place = 2; place < TURNS_BLOCK_PLACES; place++)
        end(&turns, place);
    assert_ptr_equal(block, turns.block[0]);
    for (uint32_t i = 1; i < TURNS_BLOCKS; i++)
        assert_null(turns.block[i]);
    assert_int_equal(0, turns.kept_cap);
    turns_deinit(&turns);
}

static void a_turn_that_was_taken_back_is_unknown(void **state)
{
    (void)state;
    struct turns turns = {0};
    turns_note(&turns, (struct turn){.place = 7, .kind = TURN_NONE});
    assert_null(turns.block[0]); /* that is no news */
    keep(&turns, 7);
    end(&turns, 8);
    turns_note(&turns, (struct turn){.place = 7, .kind = TURN_NONE});
    turns_note(&turns, (struct turn){.place = 8, .kind = TURN_NONE});
    assert_all(&turns, 6, 9, TURN_NONE);
    keep(&turns, 8);
    end(&turns, 8);
    keep(&turns, 8); /* the newest word counts */
    assert_all(&turns, 8, 8, TURN_KEPT);
    assert_int_equal(1, turns.kept_len);
    turns_deinit(&turns);
}

static void neighbours_do_not_touch_each_other(void **state)
{
    (void)state;
    struct turns turns = {0};
    for (uint64_t place = 1; place <= 200; place++)
        end(&turns, place);
    for (uint64_t place = 1; place <= 200; place++) {
        turns_note(&turns, (struct turn){.place = place, .kind = TURN_DONE});
        assert_all(&turns, 1, place, TURN_DONE);
        assert_all(&turns, place + 1, 200, TURN_ENDED);
    }
    turns_deinit(&turns);
}

static void extended_calls_are_known_until_their_visits_are_over(void **state)
{
    (void)state;
    struct turns turns = {0};
    for (uint64_t place = 1; place <= 1000; place++)
        keep(&turns, place);
    assert_all(&turns, 1, 1000, TURN_KEPT);
    assert_int_equal(1024, turns.kept_cap);
    for (uint64_t place = 3; place <= 1000; place += 3)
        end(&turns, place);
    for (uint64_t place = 1; place <= 1000; place++)
        assert_all(&turns, place, place, place % 3 == 0 ? TURN_ENDED : TURN_KEPT);
    assert_int_equal(1000 - 333, turns.kept_len);
    for (uint64_t place = 1; place <= 1000; place++)
        end(&turns, place);
    assert_int_equal(0, turns.kept_len);
    assert_all(&turns, 1, 1000, TURN_ENDED);
    turns_deinit(&turns);
}

static void the_oldest_extended_calls_make_room(void **state)
{
    (void)state;
    struct turns turns = {0};
    for (uint64_t place = 1; place <= TURNS_KEPT_MAX; place++)
        keep(&turns, place);
    assert_all(&turns, 1, TURNS_KEPT_MAX, TURN_KEPT);
    keep(&turns, 7); /* is there already */
    assert_int_equal(TURNS_KEPT_MAX, turns.kept_len);
    assert_all(&turns, 1, TURNS_KEPT_MAX, TURN_KEPT);
    for (uint64_t place = 1; place <= 10; place++)
        keep(&turns, TURNS_KEPT_MAX + place);
    assert_all(&turns, 1, 10, TURN_NONE);
    assert_all(&turns, 11, TURNS_KEPT_MAX + 10, TURN_KEPT);
    assert_int_equal(TURNS_KEPT_MAX, turns.kept_cap);
    end(&turns, 500);
    keep(&turns, 3); /* there is room again */
    assert_all(&turns, 3, 3, TURN_KEPT);
    assert_all(&turns, 11, 499, TURN_KEPT);
    turns_deinit(&turns);
}

/* Redis may have lost that a visit was made longer, and then its time is not over. */
static void an_ended_visit_differs_from_an_expired_one(void **state)
{
    (void)state;
    struct turns turns = {0};
    end(&turns, 6);
    turns_note(&turns, (struct turn){.place = 7, .kind = TURN_ENDED, .ended = true});
    turns_note(&turns, (struct turn){.place = 8, .kind = TURN_DONE});
    assert_all(&turns, 6, 7, TURN_ENDED);
    assert_false(turns_of(&turns, 6).ended);
    assert_true(turns_of(&turns, 7).ended);
    assert_true(turns_of(&turns, 8).ended);
    assert_false(turns_of(&turns, 9).ended);
    for (uint64_t place = 6; place <= 8; place++)
        turns_note(&turns, (struct turn){.place = place, .kind = TURN_NONE});
    assert_all(&turns, 6, 6, TURN_NONE);
    assert_all(&turns, 7, 7, TURN_ENDED);
    end(&turns, 7); /* by the clock, once it had begun again elsewhere */
    end(&turns, 8);
    assert_true(turns_of(&turns, 7).ended);
    assert_all(&turns, 8, 8, TURN_DONE);
    turns_note(&turns, (struct turn){.place = 7, .kind = TURN_DONE});
    assert_all(&turns, 7, 7, TURN_DONE);
    turns_deinit(&turns);
    static const char *const logged[] = {"7:2:0:0", "7:2:0:1", "7:3:0:0", "7:0:0:0", "7:1:90:1"};
    for (size_t i = 0; i < sizeof(logged) / sizeof(logged[0]); i++) {
        struct turn turn;
        assert_true(turn_parse(span_of(logged[i]), &turn));
        assert_int_equal(i == 1 || i == 2, turn.ended);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_found_as_it_was_noted_last),
        cmocka_unit_test(the_newest_places_are_known_and_the_oldest_make_room),
        cmocka_unit_test(a_sale_of_sixteen_thousand_is_one_block_from_its_first_turn_on),
        cmocka_unit_test(a_turn_that_was_taken_back_is_unknown),
        cmocka_unit_test(neighbours_do_not_touch_each_other),
        cmocka_unit_test(extended_calls_are_known_until_their_visits_are_over),
        cmocka_unit_test(the_oldest_extended_calls_make_room),
        cmocka_unit_test(an_ended_visit_differs_from_an_expired_one),
        cmocka_unit_test(the_log_is_read_to_the_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
