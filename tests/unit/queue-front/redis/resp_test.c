/* resp_test.c: writing commands and reading replies. */
#include "redis/resp.h"

#include "resp_reply.h"

TEST_CASE(a_command_is_an_array_of_words)
{
    char memory[128];
    struct text text = text_on(memory, sizeof(memory));
    resp_begin(&text, 3);
    resp_cstr(&text, "SET");
    resp_word(&text, (struct span){"a\r\n\0b", 5}); /* a word may have any byte */
    resp_u64(&text, UINT64_MAX);
    assert_false(text.overflown);
    const char want[] = "*3\r\n$3\r\nSET\r\n$5\r\na\r\n\0b\r\n$20\r\n18446744073709551615\r\n";
    assert_int_equal(sizeof(want) - 1, text.len);
    assert_memory_equal(want, text.ptr, text.len);
}

TEST_CASE(an_empty_word_is_written_and_a_long_one_may_not_fit)
{
    char memory[8];
    struct text text = text_on(memory, sizeof(memory));
    resp_cstr(&text, "");
    assert_span(text_span(&text), "$0\r\n\r\n");
    resp_cstr(&text, "too long for it");
    assert_true(text.overflown);
}

TEST_CASE(numbers_are_read_from_integers_and_texts)
{
    static const char resp[] = "*6\r\n:7\r\n$2\r\n42\r\n:-1\r\n$2\r\n4x\r\n$-1\r\n*0\r\n";
    redisReply *reply = resp_reply(span_of(resp));
    uint64_t number = 0;
    assert_int_equal(6, resp_len(reply));
    assert_true(resp_get_u64(reply, 0, &number));
    assert_int_equal(7, number);
    assert_true(resp_get_u64(reply, 1, &number));
    assert_int_equal(42, number);
    for (size_t at = 2; at < 8; at++) /* negative, not a number, null, array, missing */
        assert_false(resp_get_u64(reply, at, &number));
    assert_int_equal(42, number);
    freeReplyObject(reply);
}

TEST_CASE(a_missing_word_or_one_of_another_type_is_not_read)
{
    static const char resp[] = "*3\r\n:7\r\n$2\r\nhi\r\n*1\r\n:1\r\n";
    redisReply *reply = resp_reply(span_of(resp));
    const redisReply *array = NULL;
    struct span text = SPAN("unchanged");
    assert_false(resp_get_str(reply, 0, &text));
    assert_false(resp_get_str(reply, 3, &text));
    assert_span(text, "unchanged");
    assert_true(resp_get_str(reply, 1, &text));
    assert_span(text, "hi");
    assert_false(resp_array(reply, 1, &array));
    assert_true(resp_array(reply, 2, &array));
    assert_int_equal(1, resp_len(array));
    assert_int_equal(0, resp_len(reply->element[0]));
    assert_int_equal(0, resp_len(NULL));
    freeReplyObject(reply);
}

TEST_CASE(errors_are_known_by_their_first_word)
{
    static const char resp[] = "-NOSCRIPT No matching script.\r\n";
    redisReply *reply = resp_reply(span_of(resp));
    assert_true(resp_is_error(reply, "NOSCRIPT"));
    assert_false(resp_is_error(reply, "READONLY"));
    assert_false(resp_is_error(NULL, "NOSCRIPT"));
    assert_span(resp_text(reply), "NOSCRIPT No matching script.");
    freeReplyObject(reply);
}
