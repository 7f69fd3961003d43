/* change_test.c: changes and their encoding. */
#include "one_change.h"
#include "unit.h"

#include <limits.h>
#include <stdbool.h>

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

/* What a kind does not write is 0 after decoding; kinds[] below pins what it writes. */
static void is_kept(uint64_t back, uint64_t given)
{
    if (back != 0)
        assert_int_equal(back, given);
}

/* Two encodings of one wrong value are equal, so the values are compared too. */
static void has_the_values_of(const struct change *back, const struct change *change)
{
    assert_int_equal(back->seq, change->seq);
    assert_int_equal(back->at_ms, change->at_ms);
    is_kept(back->hold, change->hold);
    is_kept(back->hold_version, change->hold_version);
    is_kept(back->verdict, change->verdict);
    is_kept(back->flags, change->flags);
    is_kept(back->categories, change->categories);
    is_kept(back->price_list, change->price_list);
    if (back->area != CHANGE_AREA_NONE)
        assert_int_equal(back->area, change->area);
    is_kept(back->quantity, change->quantity);
    is_kept(back->buyer, change->buyer);
    is_kept(back->session, change->session);
    is_kept(back->expires_ms, change->expires_ms);
    is_kept(back->hard_end_ms, change->hard_end_ms);
    is_kept(back->total, change->total);
    is_kept(back->text_len, change->text_len);
    assert_memory_equal(back->text, change->text, back->text_len);
    is_kept(back->who_len, change->who_len);
    assert_memory_equal(back->who, change->who, back->who_len);
    assert_int_equal(back->add_count, change->add_count);
    assert_int_equal(back->remove_count, change->remove_count);
    size_t seats = (size_t)change->add_count + change->remove_count;
    assert_memory_equal(back->seats, change->seats, seats * sizeof(change->seats[0]));
    for (uint64_t left = back->categories; left != 0;) {
        uint32_t category = change_category(&left);
        assert_int_equal(back->prices[category], change->prices[category]);
    }
}

/* A value has one encoding, which is neither shorter nor longer. */
static void reads_back(const struct change *change)
{
    uint8_t bytes[CHANGE_BYTES_MAX + 1] = {0}, again[CHANGE_BYTES_MAX];
    struct err_slot err;
    struct change back;
    size_t len = change_encode(change, bytes);
    unit_must(change_decode(bytes, len, &err, &back), &err);
    has_the_values_of(&back, change);
    assert_int_equal(change_encode(&back, again), len);
    assert_memory_equal(again, bytes, len);
    for (size_t part = 0; part <= len + 1; part++)
        if (part != len)
            assert_int_equal(change_decode(bytes, part, &err, &back), ERR_SYNTAX);
}

/* Journals outlive programs: later programs must read these bytes. */
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
} kinds[] = {
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

static bool moves_seats(size_t kind)
{
    return kinds[kind].adds + kinds[kind].removes > 0;
}

TEST_CASE(each_kind_keeps_its_bytes)
{
    assert_int_equal(sizeof(kinds) / sizeof(kinds[0]), CHANGE_KIND_COUNT - 1);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct change change = full_change(kinds[i].kind);
        uint8_t bytes[CHANGE_BYTES_MAX];
        char hex[2 * CHANGE_BYTES_MAX + 1] = "";
        change.add_count = kinds[i].adds;
        change.remove_count = kinds[i].removes;
        for (uint32_t seat = 0; seat < (uint32_t)kinds[i].adds + kinds[i].removes; seat++)
            change.seats[seat] = 7 + 2 * seat;
        if (!moves_seats(i))
            change.prices[1] = change.prices[2] = 303;
        size_t len = change_encode(&change, bytes);
        for (size_t at = 0; at < len; at++)
            snprintf(hex + 2 * at, 3, "%02x", bytes[at]);
        assert_string_equal(hex, kinds[i].hex);
        reads_back(&change);
    }
}

/* The most seats, the longest texts, the largest numbers. */
TEST_CASE(the_largest_change_of_each_kind_reads_back)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct change change = full_change(kinds[i].kind);
        change.seq = change.hold = change.session = change.expires_ms = change.total = UINT64_MAX;
        change.hard_end_ms = 0;
        change.hold_version = UINT32_MAX;
        change.flags = CHANGE_FLAGS_ALL;
        change.categories = kinds[i].kind == CHANGE_REPRICED ? UINT64_MAX : UINT64_C(1) << 63;
        change.price_list = PRICE_LISTS_MAX - 1;
        change.area = PLAN_AREAS_MAX - 1;
        change.quantity = PLAN_AREA_CAPACITY_MAX;
        change.text_len = CHANGE_TEXT_MAX;
        memset(change.text, 't', CHANGE_TEXT_MAX);
        change.who_len = CHANGE_WHO_MAX;
        memset(change.who, 'w', CHANGE_WHO_MAX);
        change.add_count = kinds[i].adds > 0 ? HOLD_SEATS_MAX : 0;
        change.remove_count = kinds[i].removes > 0 ? HOLD_SEATS_MAX : 0;
        for (uint32_t seat = 0; seat < CHANGE_SEATS_MAX; seat++)
            change.seats[seat] = seat % HOLD_SEATS_MAX * 1000;
        for (unsigned price = 0; price < PLAN_CATEGORIES_MAX && !moves_seats(i); price++)
            change.prices[price] = PLAN_PRICE_MAX;
        reads_back(&change);
        change.area = CHANGE_AREA_NONE;
        change.hard_end_ms = UINT64_MAX;
        reads_back(&change);
    }
}
