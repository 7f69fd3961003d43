/* value_test.c: answers as tables and members. */
#include "show/value.h"

#include "base/json_in.h"
#include "unit.h"

#include <jansson.h>

static json_t *doc_of(const char *text)
{
    struct err_slot err;
    json_t *doc = NULL;
    assert_int_equal(json_in_parse(span_of(text), &err, &doc), 0);
    return doc;
}

static void rows_as(const char *doc_text, const char *columns, size_t width, const char *want)
{
    json_t *doc = doc_of(doc_text);
    struct grow out = {.ptr = NULL};
    assert_true(value_rows(&out, value_at(doc, "rows"), columns, width));
    assert_span(((struct span){out.ptr, out.len}), want);
    grow_free(&out);
    json_decref(doc);
}

static void columns_are_as_wide_as_their_widest_cell_also_in_korean(void **state)
{
    (void)state;
    rows_as("{\"rows\":[{\"id\":\"a\",\"live\":{\"waiting\":7},\"name\":\"서울\"},"
            "{\"id\":\"longer\",\"live\":{\"waiting\":1200},\"name\":\"x\"}]}",
            "name:NAME live.waiting:WAITING id:EVENT", 0,
            "NAME  WAITING  EVENT\n"
            "서울        7  a\n"
            "x        1200  longer\n");
}

static void a_line_ends_where_the_terminal_does(void **state)
{
    (void)state;
    rows_as("{\"rows\":[{\"a\":\"x\",\"b\":\"가나다라\"}]}", "a:A b:B", 8,
            "A  B\n"
            "x  가나\n");
}

static void missing_value_is_a_hyphen(void **state)
{
    (void)state;
    rows_as("{\"rows\":[{\"a\":null,\"n\":1.5},{\"n\":true}]}", "a:A n:N", 0,
            "A  N\n-  1.5\n-  yes\n");
    rows_as("{\"rows\":[]}", "a:THE_HEAD", 0, "THE HEAD\n");
    rows_as("{}", "a:A", 0, "A\n");
}

static void times_end_at_the_second_and_escapes_show(void **state)
{
    (void)state;
    rows_as("{\"rows\":[{\"a\":\"2026-11-20T07:32:33.123Z\",\"b\":\"\\u001b[2J\"}]}", "a:A b:B", 0,
            "A                    B\n"
            "2026-11-20 07:32:33  \\x1B[2J\n");
}

static void each_member_has_its_own_line(void **state)
{
    (void)state;
    json_t *doc = doc_of("{\"id\":\"demo\",\"about\":{\"en\":\"x\"},\"seats_left\":false}");
    struct grow out = {.ptr = NULL};
    assert_true(value_members(&out, doc, 0));
    assert_span(((struct span){out.ptr, out.len}), "id          demo\n"
                                                   "about       {\"en\":\"x\"}\n"
                                                   "seats_left  no\n");
    grow_free(&out);
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell_also_in_korean),
        cmocka_unit_test(a_line_ends_where_the_terminal_does),
        cmocka_unit_test(missing_value_is_a_hyphen),
        cmocka_unit_test(times_end_at_the_second_and_escapes_show),
        cmocka_unit_test(each_member_has_its_own_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
