/* visitor_test.c: who counts as the same visitor. */
#include "core/visitor.h"

#include "limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct mac_ring one_key = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const struct mac_ring rotated = {
    .key = {{.id = 2, .key = "fedcba9876543210"}, {.id = 1, .key = "0123456789abcdef"}}, .len = 2};

static bool same(struct visitor a, struct visitor b)
{
    return memcmp(a.idem, b.idem, LINE_IDEM_BYTES) == 0 &&
           memcmp(a.id, b.id, LINE_VISITOR_BYTES) == 0;
}

static void a_repeated_join_is_recognised_also_across_a_rotation(void **state)
{
    (void)state;
    uint8_t before[VISITOR_KEY_BYTES], after[VISITOR_KEY_BYTES];
    visitor_key(&one_key, before);
    visitor_key(&rotated, after);
    assert_memory_equal(before, after, VISITOR_KEY_BYTES);
    assert_true(same(visitor_by_key(before, SPAN("show"), SPAN("k")),
                     visitor_by_key(after, SPAN("show"), SPAN("k"))));
}

static void the_same_word_means_different_visitors_elsewhere(void **state)
{
    (void)state;
    uint8_t key[VISITOR_KEY_BYTES];
    visitor_key(&one_key, key);
    struct visitor visitor = visitor_by_key(key, SPAN("show"), SPAN("k"));
    assert_false(same(visitor, visitor_by_key(key, SPAN("shop"), SPAN("k"))));
    assert_false(same(visitor, visitor_by_key(key, SPAN("show"), SPAN("l"))));
    assert_false(same(visitor, visitor_by_cookie(key, SPAN("show"), SPAN("k"))));
    /* The border between event and word is part of what is hashed. */
    assert_false(same(visitor_by_key(key, SPAN("ab"), SPAN("c")),
                      visitor_by_key(key, SPAN("a"), SPAN("bc"))));
}

static void who_joins_again_after_running_out_is_new_but_only_once(void **state)
{
    (void)state;
    uint8_t key[VISITOR_KEY_BYTES];
    visitor_key(&one_key, key);
    struct ticket first = {.entry = 7, .visitor = {1}}, second = {.entry = 9, .visitor = {1}};
    assert_true(
        same(visitor_again(key, SPAN("show"), &first), visitor_again(key, SPAN("show"), &first)));
    assert_false(
        same(visitor_again(key, SPAN("show"), &first), visitor_again(key, SPAN("show"), &second)));
}

static void cookies_are_ours_or_none(void **state)
{
    (void)state;
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 7);
    char memory[VISITOR_COOKIE_LEN];
    struct text text = text_on(memory, sizeof(memory));
    visitor_cookie_put(&text, &seeded.rng);
    assert_false(text.overflown);
    assert_int_equal(text.len, VISITOR_COOKIE_LEN);
    assert_true(visitor_cookie_ok(text_span(&text)));
    assert_false(visitor_cookie_ok(SPAN("")));
    assert_false(visitor_cookie_ok(SPAN("AAAAAAAAAAAAAAAAAAAAA")));
    assert_false(visitor_cookie_ok(SPAN("AAAAAAAAAAAAAAAAAAAAA;")));
}

static void a_key_is_visible_text_of_bounded_length(void **state)
{
    (void)state;
    char longest[IDEM_KEY_BYTES_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    assert_true(visitor_idem_ok(SPAN("8e03978e-40d5-43e8-bc93-6894a57f9324")));
    assert_true(visitor_idem_ok((struct span){longest, IDEM_KEY_BYTES_MAX}));
    assert_false(visitor_idem_ok((struct span){longest, IDEM_KEY_BYTES_MAX + 1}));
    assert_false(visitor_idem_ok(SPAN("")));
    assert_false(visitor_idem_ok(SPAN("a b")));
    assert_false(visitor_idem_ok(SPAN("a\xC3\xA4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeated_join_is_recognised_also_across_a_rotation),
        cmocka_unit_test(the_same_word_means_different_visitors_elsewhere),
        cmocka_unit_test(who_joins_again_after_running_out_is_new_but_only_once),
        cmocka_unit_test(cookies_are_ours_or_none),
        cmocka_unit_test(a_key_is_visible_text_of_bounded_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
