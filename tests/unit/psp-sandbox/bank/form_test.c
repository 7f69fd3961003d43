/* form_test.c: form bodies as Stripe's clients write them, and as nobody should. */
#include "unit.h"

#include "bank/form.h"
#include "base/json_in.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *raw;
    const char *want; /* the fields as JSON, or the error */
    int rc;
} rows[] = {
    {"fields have their whole name and decoded text",
     "amount=132000&metadata[order]=7&metadata[name]=R%20%26&expand[0]=latest_charge&x=",
     "{\"amount\":\"132000\",\"metadata[order]\":\"7\",\"metadata[name]\":\"R &\","
     "\"expand[0]\":\"latest_charge\",\"x\":\"\"}",
     0},
    {"brackets and text may come escaped", "metadata%5Bk%5D=%EA%B0%92+x",
     "{\"metadata[k]\":\"값 x\"}", 0},
    {"empty brackets number their fields", "e[]=a&other=1&e[]=b&e[x][y]=deep",
     "{\"e[0]\":\"a\",\"other\":\"1\",\"e[2]\":\"b\",\"e[x][y]\":\"deep\"}", 0},
    {"empty pairs are skipped", "m[a]=1&m[b]=2&&", "{\"m[a]\":\"1\",\"m[b]\":\"2\"}", 0},
    {"a name is given once", "amount=1&amount=2", "amount is given twice", ERR_EXISTS},
    {"an escaped name is the same name", "m[a]=1&m%5Ba%5D=2", "m[a] is given twice", ERR_EXISTS},
    {"a percent sign needs two digits", "a%", "", ERR_SYNTAX},
    {"one digit is not enough", "a=%2", "hex digits", ERR_SYNTAX},
    {"letters beyond F are no digits", "a=%zz", "hex digits", ERR_SYNTAX},
    {"a name is not empty", "=1", "empty", ERR_SYNTAX},
    {"a name does not begin with a bracket", "[a]=1", "", ERR_SYNTAX},
    {"an open bracket is closed", "a[=1", "", ERR_SYNTAX},
    {"a closing bracket was opened", "a]=1", "", ERR_SYNTAX},
    {"an open bracket with text is closed", "a[b=1", "", ERR_SYNTAX},
    {"brackets hold no brackets", "a[[b]]", "", ERR_SYNTAX},
    {"nothing follows brackets", "a[b]c=1", "", ERR_SYNTAX},
    {"five brackets are too many", "a[1][2][3][4][5]=x", "", ERR_SYNTAX},
    {"text holds no NUL", "a=%00", "NUL", ERR_SYNTAX},
    {"a name holds no NUL", "a%00b=1", "", ERR_SYNTAX},
    {"FF is no UTF-8", "a=%ff", "UTF-8", ERR_SYNTAX},
    {"a longer form of NUL is no UTF-8", "a=%c0%80", "UTF-8", ERR_SYNTAX},
    {"a surrogate is no UTF-8", "a=%ed%a0%80", "UTF-8", ERR_SYNTAX},
    {"a cut sequence is no UTF-8", "a=%e2%82", "UTF-8", ERR_SYNTAX},
    {"a name is UTF-8", "%ff=1", "UTF-8", ERR_SYNTAX},
};

static void forms_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err_slot err;
        json_t *form = json_object();
        int rc = form_parse(span_of(rows[i].raw), &err, form);
        char *text = json_in_text(form, 0);
        const char *got = rc == 0 ? text : err.text;
        if (rc != rows[i].rc || strstr(got, rows[i].want) == NULL)
            fail_msg("%s: %d, %s", rows[i].name, rc, got);
        free(text);
        json_decref(form);
    }
}

static void a_form_has_a_bounded_number_of_fields(void **state)
{
    (void)state;
    struct err_slot err;
    char raw[FORM_FIELDS_MAX * 8];
    json_t *form = json_object();
    size_t len = 0;
    for (unsigned i = 0; i < FORM_FIELDS_MAX; i++)
        len += (size_t)snprintf(raw + len, sizeof(raw) - len, "k%u=1&", i);
    assert_int_equal(0, form_parse((struct span){raw, len}, &err, form));
    assert_int_equal(ERR_FULL, form_parse(SPAN("more=1"), &err, form));
    json_decref(form);
    form = json_object();
    memset(raw, 'k', FORM_KEY_MAX + 1);
    assert_int_equal(0, form_parse((struct span){raw, FORM_KEY_MAX}, &err, form));
    assert_int_equal(ERR_SYNTAX, form_parse((struct span){raw, FORM_KEY_MAX + 1}, &err, form));
    json_decref(form);
}

static void members_of_a_root_have_one_pair_of_brackets(void **state)
{
    (void)state;
    struct span inner;
    assert_true(form_inner("metadata[order]", "metadata", &inner));
    assert_span(inner, "order");
    assert_true(form_inner("a[b][c]", "a[b]", &inner));
    assert_span(inner, "c");
    assert_false(form_inner("metadata[a][b]", "metadata", &inner));
    assert_false(form_inner("metadata", "metadata", &inner));
    assert_false(form_inner("metadatas[a]", "metadata", &inner));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_read_or_refused),
        cmocka_unit_test(a_form_has_a_bounded_number_of_fields),
        cmocka_unit_test(members_of_a_root_have_one_pair_of_brackets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
