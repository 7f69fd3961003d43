/* change_test.c: changes and their encoding. */
#include "one_change.h"
#include "unit.h"

#include <limits.h>
#include <stdbool.h>

static uint64_t any(struct rng_seeded *rng)
{
    return rng_u64(&rng->rng) >> rng_below(&rng->rng, 64); /* short and long numbers alike */
}

static struct change random_change(struct rng_seeded *rng)
{
    struct change change;
    unsigned kind = 1 + (unsigned)rng_below(&rng->rng, CHANGE_KIND_COUNT - 1);
    change_init(&change, (enum change_kind)kind, any(rng));
    change.seq = any(rng);
    change.hold = any(rng) | 1;
    change.hold_version = (uint32_t)any(rng);
    change.verdict = (uint8_t)(1 + rng_below(&rng->rng, 2));
    change.flags = (uint8_t)rng_below(&rng->rng, CHANGE_FLAGS_ALL + 1);
    change.categories = UINT64_C(1) << rng_below(&rng->rng, PLAN_CATEGORIES_MAX);
    if (kind == CHANGE_REPRICED)
        change.categories |= any(rng);
    change.price_list = (uint16_t)rng_below(&rng->rng, PRICE_LISTS_MAX);
    if (rng_below(&rng->rng, 2)) {
        change.area = (uint16_t)rng_below(&rng->rng, PLAN_AREAS_MAX);
        change.quantity = (uint32_t)rng_below(&rng->rng, 1000);
    }
    change.buyer = any(rng);
    change.session = any(rng);
    change.expires_ms = any(rng);
    change.hard_end_ms = any(rng);
    change.total = any(rng);
    bool adds = kind == CHANGE_TAKEN || kind == CHANGE_CHANGED || kind == CHANGE_CONFIRMED ||
                kind == CHANGE_BLOCKED || kind == CHANGE_MOVED;
    bool removes = kind == CHANGE_RELEASED || kind == CHANGE_EXPIRED || kind == CHANGE_LATE ||
                   kind == CHANGE_REFUNDED || kind == CHANGE_UNBLOCKED || kind == CHANGE_CHANGED ||
                   kind == CHANGE_MOVED;
    change.add_count = adds ? (uint16_t)rng_below(&rng->rng, HOLD_SEATS_MAX + 1) : 0;
    change.remove_count = removes ? (uint16_t)rng_below(&rng->rng, HOLD_SEATS_MAX + 1) : 0;
    for (uint32_t i = 0, seat = 0; i < change.add_count; i++)
        seat = (change.seats[i] = seat + (uint32_t)rng_below(&rng->rng, 1000)) + 1;
    for (uint32_t i = 0, seat = 0; i < change.remove_count; i++)
        seat =
            (change.seats[change.add_count + i] = seat + (uint32_t)rng_below(&rng->rng, 1000)) + 1;
    for (unsigned i = 0;
         i < PLAN_CATEGORIES_MAX && (kind == CHANGE_PRICED || kind == CHANGE_REPRICED); i++)
        change.prices[i] = rng_below(&rng->rng, PLAN_PRICE_MAX + 1);
    change.text_len = (uint8_t)rng_below(&rng->rng, CHANGE_TEXT_MAX + 1);
    for (unsigned i = 0; i < change.text_len; i++)
        change.text[i] = (char)('a' + rng_below(&rng->rng, 26));
    change.text[change.text_len] = '\0';
    change.who_len = (uint8_t)rng_below(&rng->rng, CHANGE_WHO_MAX + 1);
    for (unsigned i = 0; i < change.who_len; i++)
        change.who[i] = (char)('a' + rng_below(&rng->rng, 26));
    rng_fill(&rng->rng, change.plan_hash, sizeof(change.plan_hash));
    rng_fill(&rng->rng, change.purchase, sizeof(change.purchase));
    return change;
}

TEST_CASE(a_change_survives_encoding_and_decoding)
{
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t bytes[CHANGE_BYTES_MAX], again[CHANGE_BYTES_MAX];
        struct change change = random_change(&rng), back;
        size_t len = change_encode(&change, bytes);
        assert_int_equal(change_decode(bytes, len, NULL, &back), 0);
        assert_int_equal(back.seq, change.seq);
        assert_memory_equal(back.who, change.who, back.who_len);
        assert_int_equal(back.add_count, change.add_count);
        assert_int_equal(back.remove_count, change.remove_count);
        assert_memory_equal(back.seats, change.seats,
                            ((size_t)change.add_count + change.remove_count) * sizeof(uint32_t));
        assert_int_equal(change_encode(&back, again), len);
        assert_memory_equal(bytes, again, len);
    }
}

TEST_CASE(altered_bytes_are_refused_or_are_another_change)
{
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[CHANGE_BYTES_MAX + 1], again[CHANGE_BYTES_MAX];
        struct change change = random_change(&rng), back;
        struct err_slot err;
        size_t len = change_encode(&change, bytes);
        assert_int_equal(change_decode(bytes, (size_t)rng_below(&rng.rng, len), &err, &back),
                         ERR_SYNTAX);
        bytes[len] = 0;
        assert_int_equal(change_decode(bytes, len + 1, &err, &back), ERR_SYNTAX);
        bytes[rng_below(&rng.rng, len)] ^= (uint8_t)(1 << rng_below(&rng.rng, 8));
        if (change_decode(bytes, len, &err, &back) == 0) { /* a value has one encoding */
            assert_int_equal(change_encode(&back, again), len);
            assert_memory_equal(bytes, again, len);
        }
    }
}

TEST_CASE(invalid_bytes_are_refused_with_the_reason)
{
    const struct {
        uint8_t bytes[13];
        size_t len;
        const char *says;
    } cases[] = {
        {{0}, 0, "ends too early"},
        {{0, 1, 1}, 3, "format"},
        {{2, 1, 1}, 3, "format"},
        {{1, 1, 99}, 3, "(unknown) has an unknown kind"},
        {{1, 1, 0}, 3, "unknown kind"},
        {{1, 1, CHANGE_PRICED, 1, 200, 0, 0, 0, 0}, 9, "category beyond"},
        {{1, 0x81, 0x00, CHANGE_PRICED, 1, 1, 1, 0, 0}, 9, "needless bytes"},
        {{1, 1, CHANGE_PRICED, 1, 1, 0xff, 0x7f, 0, 0}, 9, "too large"},
        {{1, 1, CHANGE_PRICED, 1, 1, 1, 1, 0, 0, 1}, 10, "left over"},
        {{1, 1, CHANGE_PRICED, 1, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, 13, "too large"},
        {{1, 1, CHANGE_REPRICED, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 13, "names no category"},
        {{1, 1, CHANGE_PRICED, 1, 1, 1, 1, 0, 81}, 9, "name that is too long"},
        {{1, 1, CHANGE_BLOCKED, 1, 0, 0, 70}, 7, "text that is too long"},
        {{1, 1, CHANGE_BLOCKED, 1, 0, 0, 2, 'a', 0, 0}, 10, "text with a NUL"},
        {{1, 1, CHANGE_BLOCKED, 1, 0, 0, 0, 81}, 8, "name that is too long"},
        {{1, 1, CHANGE_BLOCKED, 1, 0, 0, 0, 2, 'a', 0}, 10, "name with a NUL"},
        {{1, 1, CHANGE_FORGOTTEN, 1, 0, 1, 0}, 7, "names no hold"},
        {{1, 1, CHANGE_EXTENDED, 1, 1, 1, 0, 0, 0, 0, 0, 0}, 12, "ends too early"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err_slot err = {.text = ""};
        struct change change;
        assert_int_equal(change_decode(cases[i].bytes, cases[i].len, &err, &change), ERR_SYNTAX);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu: \"%s\"", i, err.text);
    }
}

TEST_CASE(every_kind_has_a_name)
{
    assert_string_equal(change_kind_name(0), "unknown");
    for (unsigned kind = 1; kind < CHANGE_KIND_COUNT; kind++)
        assert_string_not_equal(change_kind_name(kind), "unknown");
    assert_string_equal(change_kind_name(CHANGE_KIND_COUNT), "unknown");
    assert_string_equal(change_kind_name(UINT_MAX), "unknown");
}

/* A change of this kind with every field set. */
static struct change full_change(enum change_kind kind)
{
    struct change change;
    change_init(&change, kind, 300);
    change.seq = 5;
    change.hold = UINT64_C(0x0102030405060708);
    change.hold_version = 9;
    change.verdict = CHANGE_VERDICT_RETAKEN;
    change.flags = 3;
    change.categories = kind == CHANGE_REPRICED ? 6 : 4;
    change.price_list = 4;
    change.area = 62;
    change.quantity = 10;
    change.buyer = UINT64_C(0x1112131415161718);
    change.session = UINT64_C(0x2122232425262728);
    change.expires_ms = 301;
    change.hard_end_ms = 302;
    change.total = 303;
    change.text_len = change.who_len = 1;
    change.text[0] = 't';
    change.text[1] = '\0';
    change.who[0] = 'w';
    memset(change.plan_hash, 0xaa, sizeof(change.plan_hash));
    memset(change.purchase, 0xbb, sizeof(change.purchase));
    return change;
}

/* Journals outlive programs: later programs must read these bytes. */
TEST_CASE(each_kind_keeps_its_bytes)
{
#define AT   "d804"
#define HOLD "909cb0d080c1818202"
#define SESSION_AND_BUYER                                                                          \
    "2827262524232221"                                                                             \
    "b0e0c08183868c9830"
#define A8 "aaaaaaaaaaaaaaaa"
#define B8 "bbbbbbbbbbbbbbbb"
    static const struct {
        enum change_kind kind;
        uint16_t adds, removes;
        const char *hex;
    } rows[] = {
        {CHANGE_IMPORTED, 0, 0, "010501" AT A8 A8 A8 A8},
        {CHANGE_TAKEN, 2, 0, "010502" AT HOLD "0903043f0a" SESSION_AND_BUYER "0202af02020701"},
        {CHANGE_CHANGED, 2, 1, "010503" AT HOLD "09033f0aaf02020701010b"},
        {CHANGE_EXTENDED, 0, 0, "010504" AT HOLD "09" SESSION_AND_BUYER "020174" B8 B8 B8 B8},
        {CHANGE_RELEASED, 0, 1, "010505" AT HOLD "093f0a01070174"},
        {CHANGE_EXPIRED, 0, 1, "010506" AT HOLD "093f0a0107"},
        {CHANGE_CONFIRMED, 2, 0, "010507" AT HOLD "09023f0a" SESSION_AND_BUYER "af020207010174"},
        {CHANGE_REFUNDED, 0, 1, "010508" AT HOLD "093f0aaf0201070174"},
        {CHANGE_BLOCKED, 2, 0, "010509" AT "3f0a02070101740177"},
        {CHANGE_UNBLOCKED, 0, 1, "01050a" AT "3f0a010701740177"},
        {CHANGE_MOVED, 2, 1, "01050b" AT HOLD "09af02020701010b0174"},
        {CHANGE_PRICED, 0, 0, "01050c" AT "0204af0201740177"},
        {CHANGE_LATE, 0, 1, "01050d" AT HOLD "09033f0a0107"},
        {CHANGE_FORGOTTEN, 0, 0, "01050e" AT HOLD "090174"},
        {CHANGE_REVISED, 0, 0, "01050f" AT "030174" A8 A8 A8 A8 "0177"},
        {CHANGE_REPRICED, 0, 0, "010510" AT "060000000000000004af02af0201740177"},
    };
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), CHANGE_KIND_COUNT - 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct change change = full_change(rows[i].kind), back;
        uint8_t bytes[CHANGE_BYTES_MAX];
        char hex[2 * CHANGE_BYTES_MAX + 1] = "";
        change.add_count = rows[i].adds;
        change.remove_count = rows[i].removes;
        for (uint32_t seat = 0; seat < (uint32_t)rows[i].adds + rows[i].removes; seat++)
            change.seats[seat] = 7 + 2 * seat;
        if (rows[i].adds + rows[i].removes == 0)
            change.prices[1] = change.prices[2] = 303;
        size_t len = change_encode(&change, bytes);
        for (size_t at = 0; at < len; at++)
            snprintf(hex + 2 * at, 3, "%02x", bytes[at]);
        assert_string_equal(hex, rows[i].hex);
        assert_int_equal(change_decode(bytes, len, NULL, &back), 0);
        assert_int_equal(change_encode(&back, bytes), len);
        for (size_t at = 0; at < len; at++)
            snprintf(hex + 2 * at, 3, "%02x", bytes[at]);
        assert_string_equal(hex, rows[i].hex); /* all bytes were read */
    }
}
