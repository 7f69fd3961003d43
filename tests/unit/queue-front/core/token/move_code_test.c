/* move_code_test.c: a code is good for one place, one move, one event and one window of time. */
#include "core/token/move_code.h"

#include "unit.h"

#include <string.h>

enum { NOW_S = 1800000000 };

static const struct mac_ring ring = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const struct mac_ring other = {.key = {{.id = 1, .key = "fedcba9876543210"}}, .len = 1};
static const struct ticket sample = {.entry = 5, .moves = 1};

static const char *code_of(const struct mac_ring *by, const char *event, struct ticket ticket,
                           uint64_t now_s)
{
    static char code[MOVE_CODE_LEN + 1];
    move_code_make(by, span_of(event), &ticket, now_s, code);
    return code;
}

static void a_code_is_the_same_until_something_changes(void **state)
{
    (void)state;
    char code[MOVE_CODE_LEN + 1] = "";
    uint64_t begin_s = NOW_S / MOVE_WINDOW_S * MOVE_WINDOW_S;
    memcpy(code, code_of(&ring, "show", sample, begin_s), MOVE_CODE_LEN);
    assert_string_equal(code_of(&ring, "show", sample, begin_s + MOVE_WINDOW_S - 1), code);
    assert_string_not_equal(code_of(&ring, "show", sample, begin_s + MOVE_WINDOW_S), code);
    assert_string_not_equal(code_of(&ring, "show", sample, begin_s - 1), code);
    assert_string_not_equal(code_of(&ring, "shown", sample, begin_s), code);
    assert_string_not_equal(code_of(&other, "show", sample, begin_s), code);
    const struct ticket others[] = {{.entry = 6, .moves = 1},
                                    {.entry = 5, .moves = 2},
                                    {.entry = 5, .moves = 1, .lane = 1},
                                    {.entry = 5, .moves = 1, .tag = 7}};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_string_not_equal(code_of(&ring, "show", others[i], begin_s), code);
}

/* Front and front agree while versions change, so a code is also what it was in the version before.
 */
static void a_code_is_what_it_always_was(void **state)
{
    (void)state;
    assert_string_equal(code_of(&ring, "show", sample, NOW_S), "P01V2HV7P15Q");
}

static void a_code_lasts_a_window_and_what_is_left_of_its_own(void **state)
{
    (void)state;
    uint64_t begin_s = NOW_S / MOVE_WINDOW_S * MOVE_WINDOW_S;
    assert_int_equal(move_code_expires_s(begin_s), begin_s + 2 * MOVE_WINDOW_S);
    assert_int_equal(move_code_expires_s(begin_s + MOVE_WINDOW_S - 1), begin_s + 2 * MOVE_WINDOW_S);
    assert_int_equal(move_code_expires_s(begin_s + MOVE_WINDOW_S), begin_s + 3 * MOVE_WINDOW_S);
}

static void a_code_is_read_as_it_is_shown(void **state)
{
    (void)state;
    char memory[2 * MOVE_CODE_LEN], read[MOVE_CODE_LEN];
    struct text text = text_on(memory, sizeof(memory));
    const char *code = code_of(&ring, "show", sample, NOW_S);
    move_code_put(&text, code);
    assert_true(move_code_parse(text_span(&text), read));
    assert_memory_equal(read, code, MOVE_CODE_LEN);
    assert_false(move_code_parse((struct span){memory, text.len - 1}, read));
    memory[0] = memory[0] == 'A' ? 'B' : 'A'; /* the last letter checks the others */
    assert_false(move_code_parse(text_span(&text), read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_the_same_until_something_changes),
        cmocka_unit_test(a_code_is_what_it_always_was),
        cmocka_unit_test(a_code_lasts_a_window_and_what_is_left_of_its_own),
        cmocka_unit_test(a_code_is_read_as_it_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
