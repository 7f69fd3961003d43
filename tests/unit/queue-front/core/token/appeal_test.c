/* appeal_test.c: references of visitors who were slowed down. */
#include "core/token/appeal.h"

#include "base/err.h"
#include "core/token/code32.h"
#include "unit.h"

static const struct mac_ring one_key = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const struct mac_ring other = {.key = {{.id = 1, .key = "not the same key"}}, .len = 1};

enum { NOW = 29900000 }; /* a minute of 2026 */

static int parse(struct span text, uint64_t now, struct appeal *out)
{
    return appeal_parse(&one_key, SPAN("show"), text, now, out);
}

static void a_reference_says_its_limit_and_its_minute(void **state)
{
    (void)state;
    const uint64_t ages[] = {0, 1, 1440, APPEAL_MINUTES - 1};
    for (unsigned limit = 0; limit < APPEAL_LIMIT_COUNT; limit++) {
        for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
            char text[APPEAL_LEN + 1];
            struct appeal read;
            struct appeal made = {(enum appeal_limit)limit, NOW - ages[i]};
            appeal_make(text, &one_key, SPAN("show"), made);
            assert_true(appeal_looks_right(span_of(text)));
            assert_int_equal(parse(span_of(text), NOW, &read), 0);
            assert_int_equal(read.limit, made.limit);
            assert_int_equal(read.minute, made.minute);
        }
    }
}

static void it_is_read_as_people_say_it(void **state)
{
    (void)state;
    char text[APPEAL_LEN + 1], said[APPEAL_LEN + 2] = {0};
    struct appeal read;
    appeal_make(text, &one_key, SPAN("show"), (struct appeal){APPEAL_WORK, NOW});
    for (size_t i = 0; i < APPEAL_LEN; i++) {
        char c = text[i];
        said[i < 4 ? i : i + 1] = (char)(c >= 'A' ? c - 'A' + 'a' : c);
    }
    said[4] = '-';
    assert_int_equal(parse(span_of(said), NOW, &read), 0);
    assert_int_equal(read.limit, APPEAL_WORK);
}

static void a_typing_error_is_found_and_a_forged_reference_refused(void **state)
{
    (void)state;
    char text[APPEAL_LEN + 1];
    struct appeal read;
    appeal_make(text, &one_key, SPAN("show"), (struct appeal){APPEAL_JOINS, NOW});
    assert_int_equal(appeal_parse(&one_key, SPAN("shoe"), span_of(text), NOW, &read), ERR_AUTH);
    assert_int_equal(appeal_parse(&other, SPAN("show"), span_of(text), NOW, &read), ERR_AUTH);
    assert_int_equal(parse(SPAN(""), NOW, &read), ERR_SYNTAX);
    for (size_t i = 0; i < APPEAL_LEN; i++) {
        char was = text[i];
        text[i] = was == '7' ? '8' : '7';
        assert_int_equal(parse(span_of(text), NOW, &read), ERR_SYNTAX);
        text[i] = was;
    }
}

/* As appeal.c describes it: 3 bits of limit, 17 of minutes, 15 of a MAC, the highest first. */
static void sign(uint32_t limit, char text[APPEAL_LEN + 1])
{
    uint32_t head = (NOW % (1 << 17)) << 3 | limit;
    uint8_t message[] = "appeal\0....show", mac[MAC_BYTES], values[APPEAL_LEN] = {0};
    for (unsigned i = 0; i < 4; i++)
        message[7 + i] = (uint8_t)(head >> (8 * i));
    mac_make(&one_key, message, sizeof(message) - 1, mac);
    uint64_t bits = (uint64_t)head << 15 | ((uint32_t)(mac[0] << 8 | mac[1]) & 0x7FFF);
    for (unsigned i = APPEAL_LEN - 1; i-- > 0; bits >>= 5)
        values[i] = bits & 31;
    code32_make(values, APPEAL_LEN, text);
    text[APPEAL_LEN] = '\0';
}

/* As a program might that knows more of them. */
static void a_signed_reference_without_a_known_limit_is_refused(void **state)
{
    (void)state;
    for (uint32_t limit = 0; limit < 8; limit++) {
        char text[APPEAL_LEN + 1];
        struct appeal read;
        sign(limit, text);
        assert_int_equal(parse(span_of(text), NOW, &read),
                         limit < APPEAL_LIMIT_COUNT ? 0 : ERR_AUTH);
    }
}

static void a_reference_is_recognised_by_length_and_letters(void **state)
{
    (void)state;
    char reference[APPEAL_LEN + 1];
    static const struct mac_ring ring = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
    appeal_make(reference, &ring, SPAN("show"), (struct appeal){APPEAL_WORK, 77});
    assert_true(appeal_looks_right(span_of(reference)));
    assert_false(appeal_looks_right((struct span){reference, APPEAL_LEN - 1}));
    assert_false(appeal_looks_right(SPAN("")));
    reference[2] = reference[2] == 'A' ? 'B' : 'A';
    assert_false(appeal_looks_right(span_of(reference))); /* its check letter is another */
    reference[2] = '{';
    assert_false(appeal_looks_right(span_of(reference)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_says_its_limit_and_its_minute),
        cmocka_unit_test(it_is_read_as_people_say_it),
        cmocka_unit_test(a_typing_error_is_found_and_a_forged_reference_refused),
        cmocka_unit_test(a_signed_reference_without_a_known_limit_is_refused),
        cmocka_unit_test(a_reference_is_recognised_by_length_and_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
