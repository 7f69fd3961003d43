/* Which round decides, what an answer of drand has to be, and where seeds are before a draw. */
#include "core/draw/beacon.h"

#include "core/event/draw_seal.h"
#include "unit.h"

#include <sodium.h>
#include <string.h>

/* Round 1000 of quicknet, as the network has published it. */
#define SIGNATURE                                                                                  \
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b6"    \
    "3ed5e39"
#define RANDOMNESS "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"

static struct beacon_sources quicknet(void)
{
    struct beacon_sources sources = {
        .drand = true,
        .chain = BEACON_QUICKNET,
        .key = BEACON_QUICKNET_KEY,
        .period_ms = BEACON_QUICKNET_PERIOD_MS,
        .genesis_ms = BEACON_QUICKNET_GENESIS_MS,
        .nist_chain = 2,
        .nist_period_ms = 60000,
        .gap_ms = 6000,
    };
    return sources;
}

static void the_round_comes_a_gap_after_the_entries_close(void **state)
{
    (void)state;
    struct beacon_sources sources = quicknet();
    struct beacon beacon = {.kind = BEACON_DRAND, .late_s = 120};
    /* Round 1000 is 999 periods after the first. */
    uint64_t at_ms = BEACON_QUICKNET_GENESIS_MS + 999 * 3000;
    for (uint64_t early_ms = 6000; early_ms < 9000; early_ms += 500) {
        beacon_settle(&beacon, NULL, &sources, at_ms - early_ms, 5);
        assert_int_equal(1000, beacon.round);
        assert_int_equal(at_ms, beacon.at_ms);
    }
    beacon_settle(&beacon, NULL, &sources, at_ms - 5999, 5);
    assert_int_equal(1001, beacon.round);
    assert_string_equal(BEACON_QUICKNET, beacon.chain);
    beacon_settle(&beacon, NULL, &sources, 0, 5);
    assert_int_equal(0, beacon.round); /* nobody knows when the entries close */
    beacon.kind = BEACON_NIST;
    beacon_settle(&beacon, NULL, &sources, 1700000000000, 5);
    assert_int_equal(1700000040000, beacon.at_ms);
    assert_string_equal("2", beacon.chain);
}

static void another_promise_is_counted_and_the_same_one_is_not(void **state)
{
    (void)state;
    struct beacon_sources sources = quicknet();
    struct beacon first = {.kind = BEACON_DRAND, .late_s = 120};
    beacon_settle(&first, NULL, &sources, 1700000000000, 1000);
    struct beacon again = first;
    beacon_settle(&again, &first, &sources, 1700000000000, 2000);
    assert_int_equal(0, again.changes);
    assert_int_equal(1000, again.since_ms);
    beacon_settle(&again, &first, &sources, 1700000060000, 3000);
    assert_int_equal(1, again.changes);
    assert_int_equal(3000, again.since_ms);
}

static void a_closing_that_was_late_takes_a_later_round(void **state)
{
    (void)state;
    struct beacon_sources sources = quicknet();
    struct beacon beacon = {.kind = BEACON_DRAND, .late_s = 120};
    uint64_t closes_ms = BEACON_QUICKNET_GENESIS_MS + 999 * 3000 - 6000;
    beacon_settle(&beacon, NULL, &sources, closes_ms, 5);
    assert_int_equal(1000, beacon_after(&beacon, &sources, closes_ms + 200).round);
    assert_int_equal(1000, beacon_after(&beacon, &sources, closes_ms + 3000).round);
    assert_int_equal(1002, beacon_after(&beacon, &sources, closes_ms + 3001).round);
    assert_int_equal(1022, beacon_after(&beacon, &sources, closes_ms + 64000).round);
}

static bool answer(const char *json, uint64_t round)
{
    char signature[BEACON_SIGN_LEN + 1], value[BEACON_HASH_LEN + 1];
    if (!beacon_drand_answer(span_of(json), round, signature, value))
        return false;
    assert_string_equal(SIGNATURE, signature);
    assert_string_equal(RANDOMNESS, value);
    return true;
}

static void an_answer_of_drand_is_of_its_round_and_its_own_hash(void **state)
{
    (void)state;
    assert_true(answer("{\"round\":1000,\"randomness\":\"" RANDOMNESS
                       "\",\"signature\":\"" SIGNATURE "\"}",
                       1000));
    assert_true(answer("{\"round\":1000,\"signature\":\"" SIGNATURE "\",\"more\":1}", 1000));
    assert_false(answer("{\"round\":1000,\"signature\":\"" SIGNATURE "\"}", 1001));
    assert_false(answer("{\"round\":1000,\"randomness\":\"" BEACON_QUICKNET
                        "\",\"signature\":\"" SIGNATURE "\"}",
                        1000));
    assert_false(answer("{\"round\":1000,\"signature\":\"" RANDOMNESS "\"}", 1000));
    assert_false(answer("{\"signature\":\"" SIGNATURE "\"}", 1000));
    assert_false(answer("[1000]", 1000));
    assert_false(answer("too early", 1000));
}

static void a_seal_opens_by_its_key_and_by_no_other(void **state)
{
    (void)state;
    struct mac_ring keys, other, both;
    struct draw_seal seal, read;
    struct rng_seeded rng;
    struct err_slot err;
    rng_seeded_init(&rng, unit_seed());
    const struct span show = SPAN("show");
    assert_int_equal(0, mac_ring_parse(SPAN("7 000102030405060708090a0b0c0d0e0f\n"), &err, &keys));
    assert_int_equal(0, mac_ring_parse(SPAN("7 ff0102030405060708090a0b0c0d0e0f\n"), &err, &other));
    assert_int_equal(0, mac_ring_parse(SPAN("8 ff0102030405060708090a0b0c0d0e0f\n"
                                            "7 000102030405060708090a0b0c0d0e0f\n"),
                                       &err, &both));
    draw_seal_make(&keys, show, &rng.rng, &seal);

    char memory[DRAW_SEAL_LEN_MAX];
    struct text text = text_on(memory, sizeof(memory));
    draw_seal_put(&text, &seal);
    assert_false(text.overflown);
    assert_true(draw_seal_parse(text_span(&text), &read));
    assert_memory_equal(seal.commitment, read.commitment, sizeof(seal.commitment));
    assert_false(draw_seal_parse((struct span){memory, text.len - 1}, &read));
    assert_false(draw_seal_parse(SPAN("2 7 00"), &read));
    assert_false(draw_seal_parse(SPAN(""), &read));

    uint8_t seeds[1 + LANES_MAX][DRAW_SEED_BYTES], seed[DRAW_SEED_BYTES];
    for (unsigned lane = 0; lane <= LANES_MAX; lane++) {
        uint8_t commitment[DRAW_COMMITMENT_BYTES];
        char hex[2 * DRAW_SEED_BYTES + 1];
        assert_true(draw_seal_open(&keys, &seal, show, lane, seeds[lane]));
        draw_commit(seeds[lane], commitment);
        assert_memory_equal(seal.commitment[lane], commitment, sizeof(commitment));
        assert_true(draw_seal_open(&both, &seal, show, lane, seed)); /* a rotation */
        assert_memory_equal(seeds[lane], seed, sizeof(seed));
        assert_false(draw_seal_open(&other, &seal, show, lane, seed));
        assert_false(draw_seal_open(&keys, &seal, SPAN("another"), lane, seed));
        sodium_bin2hex(hex, sizeof(hex), seeds[lane], sizeof(seed));
        assert_null(memmem(memory, text.len, hex, strlen(hex))); /* what is kept gives none away */
        for (unsigned before = 0; before < lane; before++)
            assert_memory_not_equal(seeds[before], seeds[lane], sizeof(seed));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_round_comes_a_gap_after_the_entries_close),
        cmocka_unit_test(another_promise_is_counted_and_the_same_one_is_not),
        cmocka_unit_test(a_closing_that_was_late_takes_a_later_round),
        cmocka_unit_test(an_answer_of_drand_is_of_its_round_and_its_own_hash),
        cmocka_unit_test(a_seal_opens_by_its_key_and_by_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
