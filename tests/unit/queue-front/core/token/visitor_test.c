/* visitor_test.c: who counts as the same visitor. */
#include "base/err.h"
#include "core/token/identity.h"

#include "front_limits.h"

#include "unit.h"

#include <sodium.h>

static const struct mac_ring one_key = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const struct mac_ring rotated = {
    .key = {{.id = 2, .key = "fedcba9876543210"}, {.id = 1, .key = "0123456789abcdef"}}, .len = 2};
static const struct mac_ring after = {
    .key = {{.id = 3, .key = "the third key 16"}, {.id = 2, .key = "fedcba9876543210"}}, .len = 2};

TEST_CASE(an_event_keeps_its_identity_key_in_every_ring)
{
    struct identity_ring before, during, over;
    identity_ring_make(&one_key, &before);
    identity_ring_make(&rotated, &during);
    identity_ring_make(&after, &over);
    const struct identity *was = &before.key[0], *is = identity_named(&during, was->name);
    assert_non_null(is);
    assert_true(is != &during.key[0]); /* new events get another key */
    assert_memory_equal(was->visitors, is->visitors, VISITOR_KEY_BYTES);
    assert_null(identity_named(&over, was->name));
    assert_null(identity_named(&over, ""));
}

TEST_CASE(keys_with_the_same_number_have_different_names)
{
    static const struct mac_ring_key other = {.id = 1, .key = "not the same key"};
    char name[MAC_NAME_MAX + 1], other_name[MAC_NAME_MAX + 1];
    mac_key_name(&one_key.key[0], name);
    mac_key_name(&other, other_name);
    assert_int_equal(strncmp(name, "1-", 2), 0);
    assert_string_not_equal(name, other_name);
}

TEST_CASE(a_cookie_has_its_length_and_letters)
{
    struct rng_seeded seeded;
    rng_seeded_init(&seeded, 7);
    char memory[VISITOR_COOKIE_LEN];
    struct text text = text_on(memory, sizeof(memory));
    visitor_cookie_put(&text, &seeded.rng);
    assert_false(text.overflown);
    assert_int_equal(text.len, VISITOR_COOKIE_LEN);
    assert_true(visitor_cookie_ok(text_span(&text)));
    static const char *const bad[] = {"", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA;"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(visitor_cookie_ok(span_of(bad[i])));
}

TEST_CASE(an_idempotency_key_is_printable_and_bounded)
{
    char longest[IDEM_KEY_BYTES_MAX + 1];
    memset(longest, '~', sizeof(longest));
    assert_true(visitor_idem_ok((struct span){longest, IDEM_KEY_BYTES_MAX}));
    assert_false(visitor_idem_ok((struct span){longest, IDEM_KEY_BYTES_MAX + 1}));
    assert_true(visitor_idem_ok(SPAN("!")));
    assert_true(visitor_idem_ok(SPAN("8e03978e-40d5-43e8-bc93-6894a57f9324")));
    static const char *const bad[] = {"", " ", "a b", "a\x7F", "a\x1F", "\xC3\xBC"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(visitor_idem_ok(span_of(bad[i])));
}

TEST_CASE(a_code_is_read_with_the_key_that_made_it)
{
    struct identity_ring ring;
    identity_ring_make(&rotated, &ring);
    const struct mac_ring stranger = {.key = {{.id = 1, .key = "not the same key"}}, .len = 1};
    const struct mac_ring *makers[] = {&ring.key[0].codes, &ring.key[1].codes, &stranger};
    for (size_t i = 0; i < 3; i++) {
        char memory[64];
        struct text text = text_on(memory, sizeof(memory));
        invitation_put(&text, makers[i], SPAN("show"), (struct invitation){1, 5});
        struct invitation read;
        int rc = identity_read_code(&ring, SPAN("show"), text_span(&text), &read);
        assert_int_equal(rc, i < 2 ? 0 : ERR_AUTH);
        assert_int_equal(identity_read_code(&ring, SPAN("show"), SPAN("?"), &read), ERR_SYNTAX);
    }
}

/* Fronts of two versions must derive the same visitor from the same word, since a place is found by
 * it. The bytes are BLAKE2b over all that tells visitors apart, computed by another program. */
TEST_CASE(a_visitor_is_the_same_for_every_version)
{
    uint8_t key[VISITOR_KEY_BYTES];
    visitor_key(&one_key.key[0], key);
    struct ticket ticket = {.entry = 1, .visitor = {1, 0, 0, 0, 0, 0, 0, 2}};
    const struct {
        struct visitor visitor;
        const char *hex; /* the join's key, then the id */
    } rows[] = {
        {visitor_by_cookie(key, SPAN("show"), SPAN("cookie")),
         "38fcddd720f1a0128e0f3d77ebfa34ab5ef3bd86d3e462cb"},
        {visitor_again(key, SPAN("show"), &ticket),
         "22fc3ad7a151381a5267b21c3524717a0100000000000002"},
        {visitor_by_member(key, SPAN("show"), SPAN("member")),
         "e99ab4ee82f048dfa24dc0760dc93594ff6b87c7ee91c635"},
        {visitor_by_invitation(key, SPAN("show"), (struct invitation){3, 0x010203}),
         "1fabb5cb3a55ecef017b3d6c1a002ba8bdefe3826be4779d"},
        {visitor_by_key(key, SPAN("show"), SPAN("me"), SPAN("k")),
         "7620d3053bed30a7308f95f7a2613810c20ae72ad755fae4"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[LINE_IDEM_BYTES + LINE_VISITOR_BYTES];
        char hex[2 * sizeof(bytes) + 1];
        memcpy(bytes, rows[i].visitor.idem, LINE_IDEM_BYTES);
        memcpy(bytes + LINE_IDEM_BYTES, rows[i].visitor.id, LINE_VISITOR_BYTES);
        assert_string_equal(sodium_bin2hex(hex, sizeof(hex), bytes, sizeof(bytes)), rows[i].hex);
        assert_true(rows[i].visitor.has_idem);
    }
}

TEST_CASE(each_key_of_a_ring_has_its_own_visitor_key)
{
    struct identity_ring ring;
    uint8_t key[VISITOR_KEY_BYTES];
    identity_ring_make(&rotated, &ring);
    for (uint32_t i = 0; i < 2; i++) {
        visitor_key(&rotated.key[i], key);
        assert_memory_equal(ring.key[i].visitors, key, VISITOR_KEY_BYTES);
    }
    assert_memory_not_equal(ring.key[0].visitors, ring.key[1].visitors, VISITOR_KEY_BYTES);
    identity_ring_wipe(&ring);
    assert_int_equal(ring.len, 0);
    assert_true(sodium_is_zero(ring.key[0].visitors, VISITOR_KEY_BYTES));
}
