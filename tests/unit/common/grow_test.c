/* grow_test.c: text that grows, and PostgreSQL's arrays in it. */
#include "base/grow.h"

#include "unit.h"

#include <string.h>

static void text_grows_as_it_is_written(void **state)
{
    (void)state;
    struct grow grow = {0};
    assert_string_equal(grow_cstr(&grow), "");
    grow_add(&grow, SPAN("a"));
    grow_u64(&grow, UINT64_MAX);
    grow_add(&grow, (struct span){0});
    assert_string_equal(grow_cstr(&grow), "a18446744073709551615");
    assert_int_equal(grow.len, 21);
    grow_clear(&grow);
    assert_string_equal(grow_cstr(&grow), "");
    grow_add(&grow, SPAN("again"));
    assert_string_equal(grow_cstr(&grow), "again");
    grow_free(&grow);
    assert_null(grow.ptr);
}

/* Every length around each doubling: nothing is lost, and the NUL has room, too. */
static void nothing_is_lost_where_memory_doubles(void **state)
{
    (void)state;
    struct grow grow = {0};
    char all[2100], part[300];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)('a' + i % 26);
    for (size_t len = 0; len < sizeof(all); len++) {
        assert_int_equal(strlen(grow_cstr(&grow)), len);
        assert_memory_equal(grow.ptr, all, len);
        assert_true(grow.len < grow.cap);
        grow_add(&grow, (struct span){&all[len], 1});
    }
    assert_int_equal(grow.cap, 4096);
    grow_free(&grow);
    memset(part, 'x', sizeof(part));
    grow_add(&grow, (struct span){part, sizeof(part)}); /* more than the first room at once */
    assert_int_equal(strlen(grow_cstr(&grow)), sizeof(part));
    assert_int_equal(grow.cap, 512);
    grow_free(&grow);
}

static void arrays_are_what_postgresql_reads(void **state)
{
    (void)state;
    struct grow grow = {0};
    grow_add(&grow, SPAN("what was there before"));
    grow_array_open(&grow);
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{}");
    grow_array_open(&grow);
    grow_array_i64(&grow, INT64_MIN);
    grow_array_i64(&grow, 0);
    grow_array_i64(&grow, INT64_MAX);
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{-9223372036854775808,0,9223372036854775807}");
    grow_array_open(&grow);
    grow_array_bool(&grow, true);
    grow_array_bool(&grow, false);
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{t,f}");
    grow_array_open(&grow);
    grow_array_text(&grow, SPAN("plain"));
    grow_array_text(&grow, (struct span){0});
    grow_array_text(&grow, SPAN("a \"b\" \\c, {d}"));
    grow_array_text(&grow, SPAN("NULL"));
    grow_array_close(&grow);
    assert_string_equal(grow_cstr(&grow), "{\"plain\",NULL,\"a \\\"b\\\" \\\\c, {d}\",\"NULL\"}");
    grow_free(&grow);
}

/* All of it quoted: twice as long, and just before memory doubles. */
static void what_is_quoted_has_room_for_every_quote(void **state)
{
    (void)state;
    char quotes[200];
    memset(quotes, '"', sizeof(quotes));
    for (size_t len = 1; len <= sizeof(quotes); len++) {
        struct grow grow = {0};
        grow_array_open(&grow);
        grow_array_text(&grow, (struct span){quotes, len});
        grow_array_close(&grow);
        assert_int_equal(strlen(grow_cstr(&grow)), 2 * len + 4);
        assert_int_equal(strspn(grow.ptr + 2, "\\\""), 2 * len + 1);
        grow_free(&grow);
    }
}

/* An effect of a saga's move was left out, and the move stored without it. */
static void what_could_not_even_be_begun_is_not_empty(void **state)
{
    (void)state;
    struct grow grow = {0};
    assert_true(grow_is_empty(&grow));
    grow_add(&grow, (struct span){0});
    assert_true(grow_is_empty(&grow));
    grow.failed = true; /* as the first piece found no memory */
    grow_add(&grow, SPAN("more"));
    assert_int_equal(grow.len, 0);
    assert_false(grow_is_empty(&grow));
    assert_null(grow_cstr(&grow));
    grow_clear(&grow);
    assert_true(grow_is_empty(&grow));
    grow_add(&grow, SPAN("a"));
    assert_false(grow_is_empty(&grow));
    grow_free(&grow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_as_it_is_written),
        cmocka_unit_test(nothing_is_lost_where_memory_doubles),
        cmocka_unit_test(arrays_are_what_postgresql_reads),
        cmocka_unit_test(what_is_quoted_has_room_for_every_quote),
        cmocka_unit_test(what_could_not_even_be_begun_is_not_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
