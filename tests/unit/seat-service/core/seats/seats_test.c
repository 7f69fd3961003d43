/* seats_test.c: seat words and bitmaps of rows, below the engine. */
#include "core/seats/seats.h"
#include "test_hall.h"
#include "unit.h"

static enum claim claim(struct seats *seats, uint32_t hold, const uint32_t *list, uint32_t count)
{
    struct take take;
    struct claim_result result;
    seats_take_init(&take);
    for (uint32_t i = 0; i < count; i++)
        seats_take_seat(&take, seats, list[i], TAKE_ADD);
    return seats_claim(seats, &take, SEAT_HELD, hold, ORPHANS_IGNORED, false, &result);
}

static struct plan *begin(struct seats *seats, uint32_t rows, uint32_t count)
{
    struct plan *plan = test_hall_block(rows, count, test_limits(), 0);
    assert_int_equal(seats_init(seats, plan_facts(plan)), 0);
    return plan;
}

TEST_CASE(the_fields_of_a_seat_word_do_not_overlap)
{
    uint64_t word = seat_word(SEAT_BLOCKED, SEAT_OPERATOR, ~UINT64_C(0));
    assert_int_equal(word, ~(seat_claimed() | UINT64_C(0xfffff) << SEAT_VERSION_BITS));
    assert_int_equal(seat_shown(word), SEAT_BLOCKED);
    assert_int_equal(seat_shown(word | seat_claimed()), SEAT_FREE);
    word = seat_word(SEAT_SOLD, 0x123456, 77);
    assert_int_equal(seat_state(word), SEAT_SOLD);
    assert_int_equal(seat_hold(word), 0x123456);
    assert_int_equal(word & ((UINT64_C(1) << SEAT_VERSION_BITS) - 1), 77);
    assert_int_equal(seat_hold(seat_word(SEAT_FREE, 0, UINT64_C(1) << 38)), 0); /* wraps */
}

TEST_CASE(a_late_release_does_not_free_a_resold_seat)
{
    struct seats seats;
    struct plan *plan = begin(&seats, 1, 8);
    assert_int_equal(claim(&seats, 7, TEST_SEATS(3)), CLAIM_DONE);
    uint64_t seen = seats_read(&seats, 3);
    assert_false(seats_turn(&seats, 3, SEAT_SOLD, 7, SEAT_FREE, 0)); /* not sold */
    assert_true(seats_turn(&seats, 3, SEAT_HELD, 7, SEAT_FREE, 0));
    assert_int_equal(claim(&seats, 8, TEST_SEATS(3)), CLAIM_DONE);
    assert_false(seats_turn(&seats, 3, SEAT_HELD, 7, SEAT_FREE, 0));
    assert_true(seats_turn(&seats, 3, SEAT_HELD, 8, SEAT_FREE, 0));
    /* The same hold takes the seat again; only the version differs from the word seen before. */
    assert_int_equal(claim(&seats, 7, TEST_SEATS(3)), CLAIM_DONE);
    assert_false(atomic_compare_exchange_strong(&seats.words[3], &seen, 0));
    assert_int_equal(seat_state(seats_read(&seats, 3)), SEAT_HELD);
    seats_deinit(&seats);
    plan_destroy(plan);
}

TEST_CASE(a_claim_that_fails_in_a_later_row_gives_back_the_earlier_ones)
{
    struct seats seats;
    struct plan *plan = begin(&seats, 3, 8);
    assert_int_equal(claim(&seats, 7, TEST_SEATS(20)), CLAIM_DONE);
    assert_int_equal(claim(&seats, 8, TEST_SEATS(1, 2, 9, 20)), CLAIM_LOST);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(seat_state(seats_read(&seats, i)), SEAT_FREE);
        assert_false(seats_is_lost(&seats, i));
    }
    seats_deinit(&seats);
    plan_destroy(plan);
}
