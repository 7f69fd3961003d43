/* visit_test.c: what a browser says that it takes. */
#include "web/visit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void what_a_list_names_is_found_in_any_place_and_case(void **state)
{
    (void)state;
    const struct span list = SPAN("gzip, deflate;q=0.5 , BR");
    assert_true(visit_lists(list, SPAN("gzip")));
    assert_true(visit_lists(list, SPAN("deflate")));
    assert_true(visit_lists(list, SPAN("br")));
    assert_true(visit_lists(SPAN("text/html, application/octet-stream; q=0.9"),
                            SPAN("application/octet-stream")));
}

static void a_weight_of_zero_is_a_refusal(void **state)
{
    (void)state;
    assert_false(visit_lists(SPAN("br, gzip;q=0"), SPAN("gzip")));
    assert_false(visit_lists(SPAN("br, gzip; q=0 "), SPAN("gzip")));
    assert_true(visit_lists(SPAN("br, gzip;q=0.1"), SPAN("gzip")));
}

static void what_a_list_does_not_name_in_whole_is_not_listed(void **state)
{
    (void)state;
    assert_false(visit_lists((struct span){NULL, 0}, SPAN("br")));
    assert_false(visit_lists(SPAN(""), SPAN("br")));
    assert_false(visit_lists(SPAN("brotli, xbr, b"), SPAN("br")));
    assert_false(visit_lists(SPAN("*"), SPAN("br")));
    assert_false(visit_lists(SPAN(";;,,q=,"), SPAN("br")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_list_names_is_found_in_any_place_and_case),
        cmocka_unit_test(a_weight_of_zero_is_a_refusal),
        cmocka_unit_test(what_a_list_does_not_name_in_whole_is_not_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
