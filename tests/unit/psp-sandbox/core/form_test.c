/* form_test.c: form bodies as Stripe's clients write them, and as nobody should. */
#include "unit.h"

#include "core/form.h"

#include <stdio.h>
#include <stdlib.h>

static struct form form; /* too large for a stack */

static int parse(const char *raw, struct err_slot *err)
{
    form_clear(&form);
    return form_parse(&form, span_of(raw), err);
}

static void a_body_of_the_official_client_is_read(void **state)
{
    (void)state;
    struct err_slot err;
    struct span value;
    assert_int_equal(0, parse("amount=132000&currency=krw&metadata[order]=7&metadata[name]=R%20%26"
                              "&payment_method_types[0]=card&expand[0]=latest_charge&x=",
                              &err));
    assert_int_equal(7, form.count);
    assert_true(form_get(&form, "amount", &value));
    assert_span(value, "132000");
    assert_true(form_get(&form, "metadata[name]", &value));
    assert_span(value, "R &");
    assert_true(form_get(&form, "x", &value));
    assert_int_equal(0, value.len);
    assert_false(form_get(&form, "metadata", &value));
    assert_true(form_has_root(&form, "metadata"));
}

static void brackets_and_text_may_come_escaped(void **state)
{
    (void)state;
    struct err_slot err;
    struct span value;
    assert_int_equal(0, parse("metadata%5Bk%5D=%EA%B0%92+x", &err));
    assert_true(form_get(&form, "metadata[k]", &value));
    assert_span(value, "값 x");
}

static void a_list_is_walked_in_its_order(void **state)
{
    (void)state;
    struct err_slot err;
    struct span inner;
    struct span value;
    unsigned at = 0;
    assert_int_equal(0, parse("e[]=a&other=1&e[]=b&e[3]=c&e[x][y]=deep", &err));
    assert_true(form_next(&form, "e", &at, &inner, &value));
    assert_span(inner, "");
    assert_span(value, "a");
    assert_true(form_next(&form, "e", &at, &inner, &value));
    assert_span(value, "b");
    assert_true(form_next(&form, "e", &at, &inner, &value));
    assert_span(inner, "3");
    assert_span(value, "c");
    assert_false(form_next(&form, "e", &at, &inner, &value)); /* the deep one is no element */
}

static void garbage_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a%",
        "a=%2",
        "a=%zz",
        "a=%f",
        "=1",
        "[a]=1",
        "a[=1",
        "a]=1",
        "a[b=1",
        "a[[b]]",
        "a[b]c=1",
        "a[b][=1",
        "a=%00",
        "a=%ff",
        "a=%c0%80",
        "a=%ed%a0%80",
        "a[1][2][3][4][5]=x",
        "a%=",
        "a=%e2%82",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err_slot err;
        if (parse(bad[i], &err) != ERR_SYNTAX)
            fail_msg("taken: %s", bad[i]);
    }
}

static void a_name_given_twice_is_refused(void **state)
{
    (void)state;
    struct err_slot err;
    assert_int_equal(ERR_EXISTS, parse("amount=1&amount=2", &err));
    assert_says(&err, "amount");
    assert_int_equal(ERR_EXISTS, parse("m[a]=1&m%5Ba%5D=2", &err));
    assert_int_equal(0, parse("m[a]=1&m[b]=2&&", &err));
}

static void a_query_and_a_body_are_one_form(void **state)
{
    (void)state;
    struct err_slot err;
    form_clear(&form);
    assert_int_equal(0, form_parse(&form, SPAN("a=1"), &err));
    assert_int_equal(0, form_parse(&form, SPAN("b=2"), &err));
    assert_int_equal(ERR_EXISTS, form_parse(&form, SPAN("a=3"), &err));
}

static void bounds_hold_to_the_byte(void **state)
{
    (void)state;
    struct err_slot err;
    char *raw = malloc(FORM_BYTES_MAX + 3);
    assert_non_null(raw);
    memset(raw, 'v', FORM_BYTES_MAX + 2);
    memcpy(raw, "k=", 2);
    form_clear(&form);
    assert_int_equal(0, form_parse(&form, (struct span){raw, FORM_BYTES_MAX + 1}, &err));
    form_clear(&form);
    assert_int_equal(ERR_FULL, form_parse(&form, (struct span){raw, FORM_BYTES_MAX + 2}, &err));
    free(raw);

    char fields[FORM_FIELDS_MAX * 8 + 8];
    size_t len = 0;
    for (unsigned i = 0; i < FORM_FIELDS_MAX; i++)
        len += (size_t)snprintf(fields + len, sizeof(fields) - len, "k%u=1&", i);
    form_clear(&form);
    assert_int_equal(0, form_parse(&form, (struct span){fields, len}, &err));
    assert_int_equal(ERR_FULL, form_parse(&form, SPAN("more=1"), &err));
}

static void a_stranger_is_named(void **state)
{
    (void)state;
    static const char *const known[] = {"amount", "metadata", NULL};
    struct err_slot err;
    assert_int_equal(0, parse("amount=1&metadata[x]=2", &err));
    assert_null(form_stranger(&form, known));
    assert_int_equal(0, parse("amount=1&card[number]=2", &err));
    assert_span(form_stranger(&form, known)->name, "card[number]");
}

static void the_digest_knows_fields_not_their_order(void **state)
{
    (void)state;
    struct err_slot err;
    uint8_t one[FORM_DIGEST_BYTES];
    uint8_t two[FORM_DIGEST_BYTES];
    parse("a=1&b=2", &err);
    form_digest(&form, SPAN("create"), one);
    parse("b=2&a=%31", &err);
    form_digest(&form, SPAN("create"), two);
    assert_memory_equal(one, two, sizeof(one));
    form_digest(&form, SPAN("confirm"), two);
    assert_memory_not_equal(one, two, sizeof(one));
    parse("a=12&b=", &err); /* the same bytes, parted elsewhere */
    form_digest(&form, SPAN("create"), two);
    assert_memory_not_equal(one, two, sizeof(one));
}

static void no_bytes_make_the_parser_read_or_write_elsewhere(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    struct span good = SPAN("amount=132000&metadata[order]=7&expand[]=a%20b&x%5B0%5D[y]=%EA%B0%92");
    char raw[256];
    for (int i = 0; i < 20000; i++) {
        struct err_slot err;
        size_t len = unit_mutate(&rng.rng, good, raw, sizeof(raw));
        form_clear(&form);
        if (form_parse(&form, (struct span){raw, len}, &err) < 0)
            continue;
        for (unsigned f = 0; f < form.count; f++) {
            const struct form_field *field = &form.fields[f];
            assert_true(field->root.len > 0);
            assert_int_equal(field->name.len, field->root.len + field->rest.len);
            assert_true(field->value.ptr >= form.memory &&
                        field->value.ptr + field->value.len <= form.memory + sizeof(form.memory));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_the_official_client_is_read),
        cmocka_unit_test(brackets_and_text_may_come_escaped),
        cmocka_unit_test(a_list_is_walked_in_its_order),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(a_name_given_twice_is_refused),
        cmocka_unit_test(a_query_and_a_body_are_one_form),
        cmocka_unit_test(bounds_hold_to_the_byte),
        cmocka_unit_test(a_stranger_is_named),
        cmocka_unit_test(the_digest_knows_fields_not_their_order),
        cmocka_unit_test(no_bytes_make_the_parser_read_or_write_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
