/* presale_test.c: what counts as one code, and what is kept of it. */
#include "core/token/presale.h"

#include "unit.h"

static const struct mac_ring one_key = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const struct mac_ring other = {.key = {{.id = 1, .key = "not the same key"}}, .len = 1};

static void a_code_is_the_same_however_it_is_typed(void **state)
{
    (void)state;
    static const char *const ways[] = {"FAN2026", "fan2026", " Fan-20 26-", "f-a-n-2-0-2-6"};
    uint8_t first[PRESALE_SHA_BYTES], sha[PRESALE_SHA_BYTES], parsed[PRESALE_SHA_BYTES];
    assert_true(presale_digest(span_of(ways[0]), first));
    for (size_t i = 1; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_true(presale_digest(span_of(ways[i]), sha));
        assert_memory_equal(sha, first, sizeof(sha));
    }
    assert_true(presale_digest(SPAN("FAN2027"), sha));
    assert_memory_not_equal(sha, first, sizeof(sha));
    /* SHA-256 of "ABCD", as anybody reckons it */
    assert_true(presale_digest(SPAN("abcd"), sha));
    assert_true(presale_digest_parse(
        SPAN("e12e115acf4552b2568b55e93cbd39394c4ef81c82447fafc997882a02d23677"), parsed));
    assert_memory_equal(sha, parsed, sizeof(sha));
}

static void what_nobody_could_have_loaded_is_no_code(void **state)
{
    (void)state;
    uint8_t sha[PRESALE_SHA_BYTES];
    char longest[PRESALE_CODE_MAX + 2];
    memset(longest, 'A', sizeof(longest));
    assert_true(presale_digest((struct span){longest, PRESALE_CODE_MAX}, sha));
    assert_false(presale_digest((struct span){longest, PRESALE_CODE_MAX + 1}, sha));
    static const char *const none[] = {
        "", "ABC", "A-B-C", "    ", "AB\tCD", "ABC\x7F", "\xED\x8C\xAC\xEC\xBD\x94"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(presale_digest(span_of(none[i]), sha));
    assert_false(presale_digest((struct span){"AB\0CD", 5}, sha));
    assert_true(presale_digest(SPAN("{|}~"), sha)); /* behind the letters */
    static const char *const digests[] = {
        "", "e12e", "zz2e115acf4552b2568b55e93cbd39394c4ef81c82447fafc997882a02d23677",
        "e12e115acf4552b2568b55e93cbd39394c4ef81c82447fafc997882a02d2367700",
        "e12e115acf4552b2568b55e93cbd39394c4ef81c82447fafc997882a02d2367 "};
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
        assert_false(presale_digest_parse(span_of(digests[i]), sha));
}

static void what_is_kept_hangs_on_key_event_and_code(void **state)
{
    (void)state;
    uint8_t sha[PRESALE_SHA_BYTES], kept[LINE_CODE_BYTES], again[LINE_CODE_BYTES];
    assert_true(presale_digest(SPAN("FAN2026"), sha));
    presale_sign(&one_key, SPAN("show"), sha, kept);
    presale_sign(&one_key, SPAN("show"), sha, again);
    assert_memory_equal(kept, again, sizeof(kept));
    presale_sign(&other, SPAN("show"), sha, again);
    assert_memory_not_equal(kept, again, sizeof(kept));
    presale_sign(&one_key, SPAN("show2"), sha, again);
    assert_memory_not_equal(kept, again, sizeof(kept));
    assert_true(presale_digest(SPAN("FAN2027"), sha));
    presale_sign(&one_key, SPAN("show"), sha, again);
    assert_memory_not_equal(kept, again, sizeof(kept));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_the_same_however_it_is_typed),
        cmocka_unit_test(what_nobody_could_have_loaded_is_no_code),
        cmocka_unit_test(what_is_kept_hangs_on_key_event_and_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
