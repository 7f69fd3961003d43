/* text_test.c: a text is complete or marked as overflown, and JSON is valid for any value. */
#include "unit.h"

#include "base/text.h"

#include <inttypes.h>
#include <jansson.h>

TEST_CASE(an_append_that_does_not_fit_is_skipped_and_flagged)
{
    char memory[4];
    struct text text = text_on(memory, sizeof(memory));
    TEXT_LIT(&text, "abc");
    assert_false(text.overflown);
    TEXT_LIT(&text, "de");
    assert_true(text.overflown);
    assert_span(text_span(&text), "abc");
    text_char(&text, 'd');
    assert_span(text_span(&text), "abcd");
    assert_true(text.overflown);
    text_put(&text, (struct span){NULL, 0});
    assert_span(text_span(&text), "abcd");
}

TEST_CASE(numbers_are_written_as_printf_would)
{
    static const uint64_t values[] = {
        0,         1,    9,     10,      99,         100,       101,
        999,       1000, 65535, 1234567, UINT32_MAX, INT64_MAX, UINT64_MAX - 1,
        UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char memory[64], want[64];
        struct text text = text_on(memory, sizeof(memory));
        text_u64(&text, values[i]);
        text_char(&text, ' ');
        text_i64(&text, (int64_t)values[i]);
        snprintf(want, sizeof(want), "%" PRIu64 " %" PRId64, values[i], (int64_t)values[i]);
        assert_span(text_span(&text), want);
    }
}

TEST_CASE(thousandths_carry_no_more_decimals_than_needed)
{
    static const struct {
        int64_t milli;
        const char *want;
    } cases[] = {{0, "0"},
                 {1, "0.001"},
                 {10, "0.01"},
                 {100, "0.1"},
                 {1000, "1"},
                 {2500, "2.5"},
                 {-1, "-0.001"},
                 {-2050, "-2.05"},
                 {999, "0.999"},
                 {1001, "1.001"},
                 {INT64_MIN, "-9223372036854775.808"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char memory[32];
        struct text text = text_on(memory, sizeof(memory));
        text_milli(&text, cases[i].milli);
        assert_span(text_span(&text), cases[i].want);
    }
}

TEST_CASE(json_values_are_separated_by_commas)
{
    char memory[256];
    struct text text = text_on(memory, sizeof(memory));
    json_open(&text, '{');
    json_member_u64(&text, "a", 1);
    json_member_open(&text, "b", '[');
    json_i64(&text, -1);
    json_open(&text, '{');
    json_close(&text, '}');
    json_milli(&text, 1500);
    json_open(&text, '[');
    json_close(&text, ']');
    json_nil(&text);
    json_bool(&text, false);
    json_bool(&text, true);
    json_close(&text, ']');
    json_member_bool(&text, "c", true);
    json_member_null(&text, "d");
    json_member_some(&text, "none", SPAN(""));
    json_member_or_null(&text, "nil", (struct span){NULL, 0});
    json_member_or_null(&text, "not", SPAN(""));
    json_member_cstr(&text, "e", "f");
    json_member_milli(&text, "g", 250);
    json_member_raw(&text, "i", SPAN("{\"x\":1}"));
    json_close(&text, '}');
    assert_false(text.overflown);
    assert_span(text_span(&text), "{\"a\":1,\"b\":[-1,{},1.5,[],null,false,true],\"c\":true,\"d\":"
                                  "null,\"nil\":null,\"not\":\"\","
                                  "\"e\":\"f\",\"g\":0.25,\"i\":{\"x\":1}}");
}

TEST_CASE(texts_are_escaped_and_bad_utf8_is_replaced)
{
    static const struct {
        struct span value;
        const char *want;
    } rows[] = {
        {SPAN("a\"b\\c"), "\"a\\\"b\\\\c\""},
        {SPAN("\n\r\t"), "\"\\n\\r\\t\""},
        {SPAN("\x01\x1f\x7f"), "\"\\u0001\\u001f\\u007f\""},
        {SPAN("a\0b"), "\"a\\u0000b\""},
        {{NULL, 0}, "\"\""},
        {SPAN("표 ü €"), "\"표 ü €\""},
        {SPAN("\xF0\x9F\x8E\xAB"), "\"\xF0\x9F\x8E\xAB\""}, /* U+1F3AB */
        {SPAN("\xF4\x8F\xBF\xBF"), "\"\xF4\x8F\xBF\xBF\""}, /* U+10FFFF */
        {SPAN("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* overlong / */
        {SPAN("\xE0\x80\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {SPAN("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* surrogate */
        {SPAN("\xF4\x90\x80\x80"),
         "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* above U+10FFFF */
        {SPAN("x\xE2\x82"), "\"x\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {SPAN("\x80\xFF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[256];
        struct text text = text_on(memory, sizeof(memory));
        json_str(&text, rows[i].value);
        assert_span(text_span(&text), rows[i].want);
    }
}

TEST_CASE(a_parser_reads_any_text_that_was_written)
{
    const struct rng *rng = unit_rng();
    for (unsigned round = 0; round < 20000; round++) {
        char in[32], out[256];
        size_t len = rng_below(rng, sizeof(in) + 1);
        rng_fill(rng, in, len);
        struct text text = text_on(out, sizeof(out));
        json_open(&text, '[');
        json_str(&text, (struct span){in, len});
        json_close(&text, ']');
        assert_false(text.overflown);
        json_error_t why;
        json_t *doc = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &why);
        if (doc == NULL)
            fail_msg("%s in %.*s", why.text, (int)text.len, text.ptr);
        json_decref(doc);
    }
}

TEST_CASE(a_number_or_a_key_that_does_not_fit_is_marked)
{
    char memory[8];
    struct text text = text_on(memory, 3);
    text_u64(&text, 1000);
    assert_true(text.overflown);
    assert_span(text_span(&text), "");
    text_u64(&text, 999);
    assert_span(text_span(&text), "999");
    for (size_t room = 3; room <= 4; room++) { /* the quotes and the colon count */
        text = text_on(memory, room);
        json_key(&text, "k");
        assert_int_equal(text.overflown, room < 4);
        assert_int_equal(text.len, room < 4 ? 0 : 4);
    }
    text = text_on(memory, 4);
    text_char(&text, 'x'); /* text already there counts, too */
    json_key(&text, "k");
    assert_true(text.overflown);
    for (size_t room = 4; room <= 5; room++) { /* so does the comma */
        text = text_on(memory, room);
        text.comma = true;
        json_key(&text, "k");
        assert_int_equal(text.overflown, room < 5);
    }
}

/* jansson refuses texts that are not UTF-8. */
TEST_CASE(every_sequence_that_is_utf8_passes_and_no_other)
{
    for (unsigned at = 0x8000; at <= 0xFFFF; at++) {
        const char bytes[4] = {(char)(at >> 8), (char)at, (char)0x80, (char)0xBF};
        for (size_t len = 1; len <= 4; len++) {
            char memory[32], want[8] = "\"";
            struct text text = text_on(memory, sizeof(memory));
            json_str(&text, (struct span){bytes, len});
            memcpy(want + 1, bytes, len);
            want[len + 1] = '"';
            json_t *other = json_stringn(bytes, len);
            if (span_eq(text_span(&text), (struct span){want, len + 2}) != (other != NULL))
                fail_msg("%04x, %zu bytes", at, len);
            json_decref(other);
        }
    }
}

TEST_CASE(a_printf_has_room_for_all_but_the_last_byte)
{
    char memory[8];
    for (size_t room = 3; room <= 4; room++) {
        struct text text = text_on(memory, room);
        text_printf(&text, "%s", "abc");
        assert_int_equal(text.overflown, room == 3);
        assert_int_equal(text.len, room == 3 ? 0 : 3);
    }
    struct text text = text_on(memory, sizeof(memory));
    text_printf(&text, "%d-%s", 42, "ab");
    assert_span(text_span(&text), "42-ab");
    text_printf(&text, "%s", "too long");
    assert_true(text.overflown);
    assert_span(text_span(&text), "42-ab");
}
