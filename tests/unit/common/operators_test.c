/* operators_test.c: whose token it is, and which files are refused. */
#include "unit.h"

#include "service/operators.h"

#include <stdio.h>
#include <string.h>

static int read_text(const char *content, struct err_slot *err, struct operators **out)
{
    char *path = unit_file(span_of(content), 0600);
    int rc = operators_read(path, err, out);
    unit_file_remove(path);
    return rc;
}

static void a_token_has_the_name_that_stands_before_it_and_no_other_has_any(void **state)
{
    (void)state;
    struct operators *operators;
    struct err_slot err;
    assert_int_equal(0, read_text("kim 0123456789abcdef\n\n  lee@shop.example  fedcba9876543210 \n"
                                  "kim the-second-of-kim\n",
                                  &err, &operators));
    assert_string_equal("kim", operators_name(operators, SPAN("0123456789abcdef")));
    assert_string_equal("kim", operators_name(operators, SPAN("the-second-of-kim")));
    assert_string_equal("lee@shop.example", operators_name(operators, SPAN("fedcba9876543210")));
    assert_null(operators_name(operators, SPAN("0123456789abcde")));
    assert_null(operators_name(operators, SPAN("0123456789abcdef0")));
    assert_null(operators_name(operators, SPAN("kim")));
    assert_null(operators_name(operators, SPAN("")));
    operators_destroy(operators);
    operators_destroy(NULL);
}

static void a_line_that_is_none_is_refused_by_its_number_and_never_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        int rc;
        const char *says;
    } rows[] = {
        {"kim 0123456789abcdef\nlee\n", ERR_SYNTAX, ":2: wants NAME TOKEN"},
        {"kim 0123456789abcde\n", ERR_SYNTAX, ":1: wants NAME TOKEN"},
        {"ki/m 0123456789abcdef\n", ERR_SYNTAX, ":1: wants NAME TOKEN"},
        {"kim 0123456789 abcdef\n", ERR_SYNTAX, ":1: wants NAME TOKEN"},
        {"kim 0123456789abcdef\nlee 0123456789abcdef\n", ERR_EXISTS, ":2: a token that stands"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct operators *operators;
        struct err_slot err;
        assert_int_equal(rows[i].rc, read_text(rows[i].content, &err, &operators));
        assert_says(&err, rows[i].says);
        assert_null(strstr(err.text, "0123456789"));
    }
}

static void there_is_a_bound_on_the_list(void **state)
{
    (void)state;
    char memory[64 * (OPERATORS_MAX + 1)];
    size_t len = 0;
    for (unsigned i = 0; i < OPERATORS_MAX; i++)
        len +=
            (size_t)snprintf(memory + len, sizeof(memory) - len, "kim token-of-number-%04u\n", i);
    struct operators *operators;
    struct err_slot err;
    assert_int_equal(0, read_text(memory, &err, &operators));
    assert_string_equal("kim", operators_name(operators, SPAN("token-of-number-0063")));
    operators_destroy(operators);
    snprintf(memory + len, sizeof(memory) - len, "kim one-token-too-many\n");
    assert_int_equal(ERR_FULL, read_text(memory, &err, &operators));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_has_the_name_that_stands_before_it_and_no_other_has_any),
        cmocka_unit_test(a_line_that_is_none_is_refused_by_its_number_and_never_quoted),
        cmocka_unit_test(there_is_a_bound_on_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
