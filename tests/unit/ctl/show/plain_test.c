/* plain_test.c: what reaches a terminal, and how wide it is. */
#include "show/plain.h"
#include "unit.h"

static void shown_as(struct span text, const char *want)
{
    struct grow out = {.ptr = NULL};
    plain_put(&out, text);
    assert_span(((struct span){out.ptr, out.len}), want);
    grow_free(&out);
}

static void letters_of_any_language_pass_as_they_are(void **state)
{
    (void)state;
    shown_as(SPAN("Hall 7, 서울 콘서트 – ü 🎫"), "Hall 7, 서울 콘서트 – ü 🎫");
}

static void nothing_commands_the_terminal(void **state)
{
    (void)state;
    shown_as(SPAN("a\x1b]0;owned\x07"
                  "b"),
             "a\\x1B]0;owned\\x07b");
    shown_as(SPAN("one\ntwo\tthree\r\x7f"), "one\\x0Atwo\\x09three\\x0D\\x7F");
    shown_as(SPAN("\xc2\x9b"
                  "2J"),
             "\\u009B2J");
    shown_as(SPAN("abc\xe2\x80\xae"
                  "cba"),
             "abc\\u202Ecba");
}

static void invalid_bytes_are_shown_as_numbers(void **state)
{
    (void)state;
    shown_as(SPAN("\xff\xc0\x80"), "\\xFF\\xC0\\x80");
    shown_as(SPAN("\xed\xa0\x80"), "\\xED\\xA0\\x80");
    shown_as(SPAN("x\xec\x84"), "x\\xEC\\x84");
}

static void a_korean_letter_takes_two_columns_and_an_accent_none(void **state)
{
    (void)state;
    assert_int_equal(plain_width(SPAN("abc")), 3);
    assert_int_equal(plain_width(SPAN("서울")), 4);
    assert_int_equal(plain_width(SPAN("가a나")), 5);
    assert_int_equal(plain_width(SPAN("e\xcc\x81")), 1);
    assert_int_equal(plain_width(SPAN("ｆ🎫")), 4);
    assert_int_equal(plain_width(SPAN("")), 0);
}

static void a_cut_never_halves_a_letter(void **state)
{
    (void)state;
    assert_span(plain_cut(SPAN("서울역"), 5), "서울");
    assert_span(plain_cut(SPAN("서울역"), 6), "서울역");
    assert_span(plain_cut(SPAN("e\xcc\x81x"), 1), "e\xcc\x81");
    assert_span(plain_cut(SPAN("abc"), 0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_any_language_pass_as_they_are),
        cmocka_unit_test(nothing_commands_the_terminal),
        cmocka_unit_test(invalid_bytes_are_shown_as_numbers),
        cmocka_unit_test(a_korean_letter_takes_two_columns_and_an_accent_none),
        cmocka_unit_test(a_cut_never_halves_a_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
