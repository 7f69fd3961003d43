/* lang_test.c: which language a visitor reads. */
#include "web/lang.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct span none = {NULL, 0};

static void the_query_wins_over_cookie_and_header(void **state)
{
    (void)state;
    assert_int_equal(lang_choose(SPAN("ko"), SPAN("en"), SPAN("en")), LANG_KO);
    assert_int_equal(lang_choose(none, SPAN("ko"), SPAN("en")), LANG_KO);
    assert_int_equal(lang_choose(none, none, SPAN("ko")), LANG_KO);
    assert_int_equal(lang_choose(none, none, none), LANG_EN);
}

static void nonsense_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(lang_choose(SPAN("../../x"), SPAN("kobold"), SPAN("ko-KR,en;q=0.5")), LANG_KO);
    assert_int_equal(lang_choose(SPAN("k"), none, SPAN(";;,,q=,")), LANG_EN);
    assert_int_equal(lang_choose(none, none, SPAN("*")), LANG_EN);
}

static void the_highest_weight_wins_and_zero_means_never(void **state)
{
    (void)state;
    assert_int_equal(lang_choose(none, none, SPAN("en;q=0.8, ko;q=0.9")), LANG_KO);
    assert_int_equal(lang_choose(none, none, SPAN("ko;q=0.08, en;q=0.1")), LANG_EN);
    assert_int_equal(lang_choose(none, none, SPAN("fr, ko;q=0, en;q=0.1")), LANG_EN);
    assert_int_equal(lang_choose(none, none, SPAN("ko, en")), LANG_KO);
    assert_int_equal(lang_choose(none, none, SPAN("ja-JP, ko-KR;q=0.7, en;q=0.65")), LANG_KO);
}

static void tags_are_read_by_their_first_part(void **state)
{
    (void)state;
    enum lang lang = LANG_EN;
    assert_true(lang_parse(SPAN("KO_kr"), &lang));
    assert_int_equal(lang, LANG_KO);
    assert_false(lang_parse(SPAN("kok"), &lang));
    assert_string_equal(lang_tag(LANG_KO), "ko");
}

static void a_language_may_be_added_and_is_found_again(void **state)
{
    (void)state;
    struct err_slot err;
    enum lang lang = LANG_EN, again = LANG_EN;
    assert_int_equal(lang_check(SPAN("ja"), &err), 0);
    assert_int_equal(lang_count(), LANG_BUILT_IN);
    assert_int_equal(lang_choose(SPAN("ja"), none, none), LANG_EN);
    assert_int_equal(lang_add(SPAN("ja"), &err, &lang), 0);
    assert_int_equal(lang_add(SPAN("ja"), &err, &again), 0);
    assert_int_equal(again, lang);
    assert_int_equal(lang_count(), LANG_BUILT_IN + 1);
    assert_int_equal(lang_choose(SPAN("ja-JP"), none, none), lang);
    assert_int_equal(lang_add(SPAN("ko"), &err, &again), 0);
    assert_int_equal(again, LANG_KO);
    static const char *const bad[] = {"", "j", "JA", "ja-JP", "japanese", "../x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(lang_add(span_of(bad[i]), &err, &again), ERR_SYNTAX);
    char tag[] = "xa";
    while (lang_count() < LANG_MAX) {
        assert_int_equal(lang_add(span_of(tag), &err, &again), 0);
        tag[1]++;
    }
    assert_int_equal(lang_add(span_of(tag), &err, &again), ERR_FULL);
    assert_int_equal(lang_check(span_of(tag), &err), ERR_FULL);
    assert_int_equal(lang_check(SPAN("ko"), &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_query_wins_over_cookie_and_header),
        cmocka_unit_test(nonsense_is_passed_over),
        cmocka_unit_test(the_highest_weight_wins_and_zero_means_never),
        cmocka_unit_test(tags_are_read_by_their_first_part),
        cmocka_unit_test(a_language_may_be_added_and_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
