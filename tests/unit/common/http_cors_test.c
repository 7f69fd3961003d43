/* http_cors_test.c: what may stand on a list of origins. What is answered to them is told by
 * tests/integration/seat-service/console.test.js. */
#include "http/http_server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void an_origin_is_scheme_host_and_port(void **state)
{
    (void)state;
    static const char *const good[] = {
        "http://localhost:8091",
        "https://console.example",
        "http://[::1]:8091",
        "https://xn--bcher-kva.example:444",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(http_origin_ok(span_of(good[i])));
}

static void what_no_browser_would_send_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "*",
        "null",
        "https://",
        "localhost:8091",
        "https://Console.example",
        "https://console.example/",
        "https://console.example/console",
        "https://*.example",
        "ftp://console.example",
        "https://a.example b.example",
        "https://a.example\r\nSet-Cookie: x",
        "https://kim@console.example",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(http_origin_ok(span_of(bad[i])));
}

static void a_list_names_the_one_that_is_none(void **state)
{
    (void)state;
    struct err_slot err = {0};
    assert_int_equal(http_origins_check(SPAN(""), &err), 0);
    assert_int_equal(http_origins_check(SPAN("http://a.example, http://b.example:1"), &err), 0);
    assert_int_equal(http_origins_check(SPAN("http://a.example,*"), &err), ERR_RANGE);
    assert_non_null(strstr(err.text, "\"*\""));
    assert_int_equal(http_origins_check(SPAN("http://a.example,,http://b.example"), &err),
                     ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(what_no_browser_would_send_is_refused),
        cmocka_unit_test(a_list_names_the_one_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
