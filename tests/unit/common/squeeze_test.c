/* squeeze_test.c: texts made small say what they said before. */
#include "web/squeeze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <zlib.h>

static void assert_unpacks(struct span packed, struct span text)
{
    char *memory = malloc(text.len + 1);
    z_stream stream = {
        .next_in = (Bytef *)(uintptr_t)packed.ptr,
        .avail_in = (uInt)packed.len,
        .next_out = (Bytef *)memory,
        .avail_out = (uInt)text.len + 1,
    };
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_true(span_eq((struct span){memory, stream.total_out}, text));
    inflateEnd(&stream);
    free(memory);
}

static void one_squeezer_serves_page_after_page(void **state)
{
    (void)state;
    struct err_slot err;
    struct squeezer *squeezer;
    assert_int_equal(squeezer_create(&err, &squeezer), 0);
    static const char *const texts[] = {"", "x", "one two one two one two one two one two", "done"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char memory[256];
        struct text out = text_on(memory, sizeof(memory));
        TEXT_LIT(&out, "head");
        assert_true(squeezer_gzip(squeezer, span_of(texts[i]), &out));
        assert_unpacks(span_skip(text_span(&out), 4), span_of(texts[i]));
    }
    squeezer_destroy(squeezer);
}

static void what_does_not_fit_is_told_and_the_next_one_is_whole(void **state)
{
    (void)state;
    struct err_slot err;
    struct squeezer *squeezer;
    const struct span text = SPAN("a text of some length, and another one of some length");
    assert_int_equal(squeezer_create(&err, &squeezer), 0);
    char memory[256];
    struct text whole = text_on(memory, sizeof(memory));
    assert_true(squeezer_gzip(squeezer, text, &whole));
    for (size_t room = 0; room <= whole.len; room++) {
        char small_memory[256];
        struct text small = text_on(small_memory, room);
        assert_int_equal(squeezer_gzip(squeezer, text, &small), room == whole.len);
        assert_int_equal(small.len, room == whole.len ? room : 0);
    }
    squeezer_destroy(squeezer);
}

static void comments_that_are_whole_lines_are_left_out(void **state)
{
    (void)state;
    const struct span source = SPAN("// head\n"
                                    "const at = 'http://x'; // stays: it might be in a string\n"
                                    "  // indented\n"
                                    "/* one\n   two */\n"
                                    "a { b: c; } /* stays */\n"
                                    "/* short */\n"
                                    "//no space: stays\n"
                                    "end");
    char memory[256];
    struct text kept = text_on(memory, sizeof(memory));
    squeeze_comments(source, &kept);
    assert_true(
        span_eq(text_span(&kept), SPAN("const at = 'http://x'; // stays: it might be in a string\n"
                                       "a { b: c; } /* stays */\n"
                                       "//no space: stays\n"
                                       "end")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_squeezer_serves_page_after_page),
        cmocka_unit_test(what_does_not_fit_is_told_and_the_next_one_is_whole),
        cmocka_unit_test(comments_that_are_whole_lines_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
