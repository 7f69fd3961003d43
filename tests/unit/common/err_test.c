/* err_test.c: sentences are cut rather than lost, and wrapped from the outside in. */
#include "unit.h"

#include <string.h>

static void an_error_keeps_its_code_and_its_sentence(void **state)
{
    (void)state;
    struct err_slot err;
    assert_int_equal(ERR_RANGE, err_set(&err, ERR_RANGE, "rate of %d", 7));
    assert_int_equal(ERR_RANGE, err.code);
    assert_string_equal("rate of 7", err.text);
}

static void a_caller_that_wants_no_sentence_gets_the_code(void **state)
{
    (void)state;
    assert_int_equal(ERR_FULL, err_set(NULL, ERR_FULL, "queue"));
    assert_int_equal(ERR_UNKNOWN, err_wrap(NULL, "reading %s", "a.toml"));
}

static void a_wrapped_error_reads_from_the_outside_in(void **state)
{
    (void)state;
    struct err_slot err;
    err_set(&err, ERR_IO, "open: no such file");
    assert_int_equal(ERR_IO, err_wrap(&err, "reading %s", "a.toml"));
    assert_string_equal("reading a.toml: open: no such file", err.text);
}

static void a_sentence_that_is_too_long_keeps_its_front(void **state)
{
    (void)state;
    struct err_slot err;
    char longer[2 * ERR_TEXT_MAX];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    err_set(&err, ERR_IO, "%s", longer);
    assert_int_equal(ERR_TEXT_MAX - 1, strlen(err.text));
    err_wrap(&err, "context");
    assert_int_equal(ERR_TEXT_MAX - 1, strlen(err.text));
    assert_memory_equal("context: xxx", err.text, 12);
    err_wrap(&err, "%s", longer);
    assert_int_equal(ERR_TEXT_MAX - 1, strlen(err.text));
}

static void a_sentence_is_cut_between_letters(void **state)
{
    (void)state;
    struct err_slot err;
    for (int shift = 0; shift < 4; shift++) {
        char text[3 * ERR_TEXT_MAX];
        size_t len = (size_t)shift;
        memset(text, 'x', len);
        for (; len + 4 < sizeof(text); len += 3)
            memcpy(text + len, "가", 3);
        text[len] = '\0';
        err_set(&err, ERR_IO, "%s", text);
        assert_int_equal(0, (strlen(err.text) - (size_t)shift) % 3);
        assert_true(strlen(err.text) > ERR_TEXT_MAX - 4);
    }
    static const char *const rows[][2] = {
        {"\x80\x80\x80", "\x80\x80\x80"}, /* no letters at all: as it came */
        {"\x80", "\x80"},
        {"", ""},
        {"a\x80", "a\x80"}, /* a tail that belongs to nothing */
        {"a\xC3", "a"},     /* of two bytes, of three, of four: one is missing, or none */
        {"a\xC3\xBC", "a\xC3\xBC"},
        {"a\xE2\x82", "a"},
        {"a\xE2\x82\xAC", "a\xE2\x82\xAC"},
        {"a\xF0\x9F\x8E", "a"},
        {"a\xF0\x9F\x8E\xAB", "a\xF0\x9F\x8E\xAB"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        err_set(&err, ERR_IO, "%s", rows[i][0]);
        assert_string_equal(err.text, rows[i][1]);
    }
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a >= ERR_PEER; a--) {
        for (int b = a - 1; b >= ERR_UNKNOWN; b--)
            assert_string_not_equal(err_name(a), err_name(b));
    }
    assert_string_equal("unknown", err_name(-1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_keeps_its_code_and_its_sentence),
        cmocka_unit_test(a_caller_that_wants_no_sentence_gets_the_code),
        cmocka_unit_test(a_wrapped_error_reads_from_the_outside_in),
        cmocka_unit_test(a_sentence_that_is_too_long_keeps_its_front),
        cmocka_unit_test(a_sentence_is_cut_between_letters),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
