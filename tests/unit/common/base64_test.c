/* base64_test.c: each sequence of bytes has one text; every other text is refused. */
#include "unit.h"

#include "base/base64.h"

TEST_CASE(the_rfc_4648_vectors_match)
{
    static const char *const pairs[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct span bytes = span_of(pairs[i][0]);
        char memory[16], back[16];
        struct text text = text_on(memory, base64_len(bytes.len)); /* not a byte to spare */
        base64_put(&text, bytes.ptr, bytes.len);
        assert_span(text_span(&text), pairs[i][1]);
        assert_false(text.overflown);
        size_t len = 99;
        assert_true(base64_decode(text_span(&text), back, bytes.len, &len));
        assert_span(((struct span){back, len}), pairs[i][0]);
    }
}

TEST_CASE(invalid_texts_are_refused)
{
    static const char *const bad[] = {"Zg==", "Zg=", "Z",   "Zm9vY", " Zg", "Zg\n", "Z\ng",
                                      "+/+/", "Zh",  "Zm9", "ZgB",   "Zg.", "Z*g*"};
    char out[16];
    size_t len;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (base64_decode(span_of(bad[i]), out, sizeof(out), &len))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

TEST_CASE(a_byte_that_is_not_ascii_is_refused)
{
    for (unsigned byte = 0x80; byte <= 0xFF; byte++) {
        char text[4] = {'Z', 'm', (char)byte, 'v'}, out[3];
        assert_false(base64_decode_exact((struct span){text, 4}, out, 3));
    }
}

TEST_CASE(encoding_and_decoding_refuse_a_small_buffer)
{
    char memory[7], out[5];
    struct text text = text_on(memory, sizeof(memory));
    base64_put(&text, "foobar", 6);
    assert_true(text.overflown);
    assert_int_equal(0, text.len);
    size_t len;
    assert_false(base64_decode(SPAN("Zm9vYmFy"), out, sizeof(out), &len));
    assert_false(base64_decode_exact(SPAN("Zm9vYg"), out, 5));
    assert_false(base64_decode_exact(SPAN("Zm9vYmE"), out, 4));
    assert_true(base64_decode_exact(SPAN("Zm9vYmE"), out, 5));
    assert_memory_equal("fooba", out, 5);
}

TEST_CASE(any_bytes_survive_a_round_trip)
{
    const struct rng *rng = unit_rng();
    for (size_t len = 0; len < 700; len++) {
        char bytes[700], memory[1000], back[700];
        rng_fill(rng, bytes, len);
        struct text text = text_on(memory, sizeof(memory));
        base64_put(&text, bytes, len);
        assert_int_equal(base64_len(len), text.len);
        assert_true(base64_decode_exact(text_span(&text), back, len));
        assert_memory_equal(bytes, back, len);
    }
}
