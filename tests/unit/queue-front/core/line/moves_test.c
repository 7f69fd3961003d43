/* moves_test.c: which errors in a typed move code are found, and the table of moved places. What a
 * code depends on, and how it may be typed, is tested in ../token/tokens_test.c. */
#include "core/line/moves.h"

#include "core/token/move_code.h"
#include "unit.h"

static const struct mac_ring ring = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static bool parses(const char *text, size_t len)
{
    char code[MOVE_CODE_LEN];
    return move_code_parse((struct span){text, len}, code);
}

TEST_CASE(a_wrong_letter_or_swapped_pair_is_always_detected)
{
    for (uint64_t entry = 1; entry < 50; entry++) {
        const struct ticket ticket = {.entry = entry, .moves = 3};
        char code[MOVE_CODE_LEN];
        move_code_make(&ring, SPAN("show"), &ticket, 1800000000, code);
        for (size_t i = 0; i < MOVE_CODE_LEN; i++) {
            char was = code[i];
            for (size_t l = 0; l < 32; l++) {
                code[i] = letters[l];
                assert_int_equal(letters[l] == was, parses(code, sizeof(code)));
            }
            code[i] = was;
            for (size_t k = i + 1; k < MOVE_CODE_LEN; k++) {
                if (code[i] == code[k])
                    continue;
                char other = code[k];
                code[k] = was, code[i] = other;
                assert_false(parses(code, sizeof(code)));
                code[i] = was, code[k] = other;
            }
        }
        assert_false(parses(code, sizeof(code) - 1));
    }
    assert_false(parses("", 0));
    assert_false(parses("UUUU-UUUU-UUUU", 14));
    assert_false(parses("0000-0000-0000-0", 16));
    assert_false(parses("0000\0000000000", 12));
}

static struct moves moves;
static struct move out[MOVES_SEND_MAX];
static uint32_t upto;

static void end(void)
{
    moves_deinit(&moves);
}

UNIT_BETWEEN(NULL, end)

TEST_CASE(the_table_keeps_the_highest_move_of_each_place)
{
    assert_int_equal(moves_of(&moves, 1), 0);
    for (uint64_t entry = 1; entry <= 5000; entry++)
        assert_true(moves_note(&moves, (struct move){entry * 3, (uint8_t)(entry % 255 + 1)}));
    assert_true(moves_note(&moves, (struct move){3, 1})); /* an older move changes nothing */
    assert_true(moves_note(&moves, (struct move){6, 9}));
    assert_int_equal(moves_of(&moves, 6), 9);
    assert_true(moves_note(&moves, (struct move){6, 3}));
    assert_int_equal(moves_of(&moves, 6), 9);
    for (uint64_t entry = 3; entry <= 5000; entry++) {
        assert_int_equal(moves_of(&moves, entry * 3), entry % 255 + 1);
        assert_int_equal(moves_of(&moves, entry * 3 + 1), 0);
    }
    assert_int_equal(moves_of(&moves, 3), 2);
}

TEST_CASE(a_full_table_keeps_its_entries)
{
    for (uint64_t entry = 1; entry <= MOVES_PLACES_MAX; entry++)
        assert_true(moves_note(&moves, (struct move){entry, 1}));
    assert_false(moves_note(&moves, (struct move){MOVES_PLACES_MAX + 1, 1}));
    assert_int_equal(moves_of(&moves, MOVES_PLACES_MAX + 1), 0);
    assert_int_equal(moves_of(&moves, MOVES_PLACES_MAX), 1);
}

TEST_CASE(all_places_are_sent_again_once_in_bounded_parts)
{
    enum { PLACES = 1000 };
    uint8_t times[PLACES + 1] = {0};
    uint32_t len, parts = 0;
    for (uint64_t entry = 1; entry <= PLACES; entry++)
        moves_note(&moves, (struct move){entry, 2});
    assert_int_equal(moves_pick(&moves, out, &upto), 0); /* they came from Redis */
    moves_send_again(&moves);
    while ((len = moves_pick(&moves, out, &upto)) > 0) {
        for (uint32_t i = 0; i < len; i++)
            times[out[i].entry]++;
        moves.sent = upto;
        assert_true(++parts <= 5);
    }
    for (uint64_t entry = 1; entry <= PLACES; entry++)
        assert_int_equal(times[entry], 1);
}

TEST_CASE(after_a_loss_all_old_and_new_moves_are_sent)
{
    moves_note(&moves, (struct move){5, 1});
    assert_int_equal(moves_pick(&moves, out, &upto), 0); /* it came from Redis */
    moves_send_again(&moves);
    moves_note(&moves, (struct move){6, 2}); /* after one that is still to be sent */
    assert_int_equal(moves_pick(&moves, out, &upto), 2);
    assert_int_equal(out[1].entry, 6);
    assert_int_equal(out[1].moves, 2);
    assert_int_equal(upto, 2);
}

TEST_CASE(the_newest_moves_are_those_noted_last)
{
    assert_int_equal(moves_newest(&moves, out), 0);
    for (uint64_t entry = 1; entry <= MOVES_SEND_MAX; entry++)
        moves_note(&moves, (struct move){entry, 3});
    assert_int_equal(moves_newest(&moves, out), MOVES_SEND_MAX);
    assert_int_equal(out[0].entry, 1);
    moves_note(&moves, (struct move){9999, 4});
    assert_int_equal(moves_newest(&moves, out), MOVES_SEND_MAX);
    assert_int_equal(out[0].entry, 2);
    assert_int_equal(out[0].moves, 3);
    assert_int_equal(out[MOVES_SEND_MAX - 1].entry, 9999);
    assert_int_equal(out[MOVES_SEND_MAX - 1].moves, 4);
}
