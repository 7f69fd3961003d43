/* span_test.c: the small questions of every parser, at their edges. */
#include "unit.h"

static const struct span absent = {NULL, 0};

static void spans_compare_by_content(void **state)
{
    (void)state;
    assert_true(span_eq(SPAN("abc"), span_of("abc")));
    assert_false(span_eq(SPAN("abc"), SPAN("abd")));
    assert_false(span_eq(SPAN("abc"), SPAN("ab")));
    assert_true(span_eq(absent, SPAN("")));
    assert_true(span_eq(absent, span_of(NULL)));
    assert_true(span_eq_nocase(SPAN("Bearer"), SPAN("bEARER")));
    assert_false(span_eq_nocase(SPAN("Bearer"), SPAN("Bearers")));
    assert_false(span_eq_nocase(SPAN("Bearer"), SPAN("Bearing"))); /* longer and other */
    assert_false(span_eq_nocase(SPAN("Basic "), SPAN("Bearer")));
    assert_true(span_eq_nocase(absent, SPAN("")));
}

static void a_prefix_is_seen_and_skipped(void **state)
{
    (void)state;
    assert_true(span_starts(SPAN("/admin/events"), SPAN("/admin/")));
    assert_false(span_starts(SPAN("/adm"), SPAN("/admin/")));
    assert_false(span_starts(SPAN("/addin/events"), SPAN("/admin/")));
    assert_true(span_starts(SPAN("x"), absent));
    assert_span(span_skip(SPAN("abcdef"), 4), "ef");
}

static void trimming_takes_spaces_and_tabs_only(void **state)
{
    (void)state;
    assert_span(span_trim(SPAN(" \t a b\t ")), "a b");
    assert_span(span_trim(SPAN(" \t ")), "");
    assert_span(span_trim(SPAN("\na ")), "\na");
}

static void a_list_is_cut_until_nothing_is_left(void **state)
{
    (void)state;
    const char *want[] = {"a", "", "c", ""};
    unsigned n = 0;
    struct span rest = SPAN("a,,c,");
    while (rest.ptr != NULL) {
        struct span head;
        rest = span_cut(rest, ',', &head);
        assert_span(head, want[n++]);
    }
    assert_int_equal(4, n);
}

static void numbers_are_digits_and_nothing_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "18446744073709551616",
                                      "99999999999999999999",
                                      "000000000000000000001"};
    uint64_t value = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(span_u64(span_of(bad[i]), UINT64_MAX, &value));
    assert_false(span_u64(SPAN("101"), 100, &value));
    assert_int_equal(77, value);
    assert_true(span_u64(SPAN("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(span_u64(SPAN("100"), 100, &value));
    assert_int_equal(100, value);
    assert_true(span_u64(SPAN("007"), 100, &value));
    assert_int_equal(7, value);
}

static void a_copy_fits_whole_or_is_refused(void **state)
{
    (void)state;
    char out[4] = "zzz";
    assert_false(span_to_cstr(SPAN("abcd"), out, sizeof(out)));
    assert_false(span_to_cstr(SPAN("a\0b"), out, sizeof(out)));
    assert_string_equal("zzz", out);
    assert_true(span_to_cstr(SPAN("abc"), out, sizeof(out)));
    assert_string_equal("abc", out);
    assert_true(span_to_cstr(absent, out, sizeof(out)));
    assert_string_equal("", out);
}

static void secrets_compare_by_every_byte(void **state)
{
    (void)state;
    assert_true(span_eq_secret(SPAN("token"), SPAN("token")));
    assert_false(span_eq_secret(SPAN("token"), SPAN("tokem")));
    assert_false(span_eq_secret(SPAN("Token"), SPAN("token")));
    assert_false(span_eq_secret(SPAN("token"), SPAN("token1")));
    assert_true(span_eq_secret(absent, SPAN("")));
}

static void what_is_cut_is_cut_between_letters(void **state)
{
    (void)state;
    char out[8];
    const struct {
        const char *text, *kept;
    } cases[] = {
        {"abcdefg", "abcdefg"}, {"abcdefgh", "abcdefg"}, {"가나다", "가나"}, {"x가나다", "x가나"},
        {"xy가나다", "xy가"},   {"abcd🎫", "abcd"},       {"abc🎫", "abc🎫"},   {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        span_to_cstr_cut(span_of(cases[i].text), out, sizeof(out));
        assert_string_equal(out, cases[i].kept);
    }
    static const char middles[] = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80";
    assert_true(sizeof(middles) > sizeof(out));
    span_to_cstr_cut(span_of(middles), out, sizeof(out)); /* of letters that never began */
    assert_string_equal(out, "");
    span_to_cstr_cut(absent, out, sizeof(out));
    assert_string_equal(out, "");
    span_to_cstr_cut(SPAN("ab\0cd"), out, sizeof(out));
    assert_string_equal(out, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare_by_content),
        cmocka_unit_test(a_prefix_is_seen_and_skipped),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_only),
        cmocka_unit_test(a_list_is_cut_until_nothing_is_left),
        cmocka_unit_test(numbers_are_digits_and_nothing_else),
        cmocka_unit_test(a_copy_fits_whole_or_is_refused),
        cmocka_unit_test(what_is_cut_is_cut_between_letters),
        cmocka_unit_test(secrets_compare_by_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
