/* beacon_test.c: which round decides, which responses of drand are valid, and how a commitment is
 * stored. */
#include "core/draw/beacon.h"

#include "base/json_in.h"
#include "script.h"

#include <jansson.h>

/* Round 1000 of quicknet, as the network has published it. */
#define SIGNATURE                                                                                  \
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b6"    \
    "3ed5e39"
#define RANDOMNESS "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"

#define START_MS BEACON_QUICKNET_GENESIS_MS
#define AT_MS    (START_MS + 999 * UINT64_C(3000)) /* of round 1000, 999 periods after the first */

static const struct beacon_sources sources = {
    .drand = true,
    .chain = BEACON_QUICKNET,
    .key = BEACON_QUICKNET_KEY,
    .period_ms = BEACON_QUICKNET_PERIOD_MS,
    .genesis_ms = BEACON_QUICKNET_GENESIS_MS,
    .gap_ms = 6000,
};

TEST_CASE(the_round_follows_the_closing_after_a_gap)
{
    static const struct {
        uint64_t closes_ms, round, at_ms;
    } rows[] = {
        {AT_MS - 8500, 1000, AT_MS},
        {AT_MS - 8000, 1000, AT_MS},
        {AT_MS - 7500, 1000, AT_MS},
        {AT_MS - 7000, 1000, AT_MS},
        {AT_MS - 6500, 1000, AT_MS},
        {AT_MS - 6000, 1000, AT_MS},
        {AT_MS - 5999, 1001, AT_MS + 3000},
        /* A source that has not begun uses its first round. */
        {START_MS - 6001, 1, START_MS},
        {1700000000, 1, START_MS},
        {1, 1, START_MS},
        {0, 0, 0}, /* the closing time is unknown */
    };
    struct beacon beacon = {.kind = BEACON_DRAND, .late_s = 120};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        beacon_settle(&beacon, NULL, &sources, rows[i].closes_ms, 5);
        assert_int_equal(rows[i].round, beacon.round);
        assert_int_equal(rows[i].at_ms, beacon.at_ms);
        assert_string_equal(BEACON_QUICKNET, beacon.chain);
    }
}

TEST_CASE(only_a_different_promise_counts_as_a_change)
{
    struct beacon first = {.kind = BEACON_DRAND, .late_s = 120, .changes = 7};
    beacon_settle(&first, NULL, &sources, 1700000000000, 1000);
    assert_int_equal(0, first.changes); /* whatever the input says */
    struct beacon again = first;
    beacon_settle(&again, &first, &sources, 1700000000000, 2000);
    assert_int_equal(0, again.changes);
    assert_int_equal(1000, again.since_ms);
    beacon_settle(&again, &first, &sources, 1700000060000, 3000);
    assert_int_equal(1, again.changes);
    assert_int_equal(3000, again.since_ms);
}

TEST_CASE(a_late_closing_takes_a_later_round)
{
    struct beacon beacon = {.kind = BEACON_DRAND, .late_s = 120};
    const uint64_t closes_ms = AT_MS - 6000;
    beacon_settle(&beacon, NULL, &sources, closes_ms, 5);
    assert_int_equal(1000, beacon_after(&beacon, &sources, closes_ms + 200).round);
    assert_int_equal(1000, beacon_after(&beacon, &sources, closes_ms + 3000).round);
    assert_int_equal(1002, beacon_after(&beacon, &sources, closes_ms + 3001).round);
    assert_int_equal(1022, beacon_after(&beacon, &sources, closes_ms + 64000).round);
}

TEST_CASE(a_drand_answer_needs_its_round_and_a_matching_hash)
{
    static const struct {
        const char *json;
        uint64_t round;
        bool valid;
    } rows[] = {
        {"{'round':1000,'randomness':'" RANDOMNESS "','signature':'" SIGNATURE "'}", 1000, true},
        {"{'round':1000,'signature':'" SIGNATURE "','more':1}", 1000, true},
        {"{'round':1,'signature':'" SIGNATURE "'}", 1, true}, /* by its form */
        {"{'round':1000,'signature':'" SIGNATURE "','randomness':5}", 1000, false},
        {"{'round':1000,'signature':'" SIGNATURE "'}", 1001, false},
        {"{'round':1000,'randomness':'" BEACON_QUICKNET "','signature':'" SIGNATURE "'}", 1000,
         false},
        {"{'round':1000,'signature':'" RANDOMNESS "'}", 1000, false},
        {"{'signature':'" SIGNATURE "'}", 1000, false},
        {"[1000]", 1000, false},
        {"too early", 1000, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char signature[BEACON_SIGN_LEN + 1], value[BEACON_HASH_LEN + 1];
        struct span json = span_of(script_json(rows[i].json));
        int rc = beacon_drand_answer(json, rows[i].round, NULL, signature, value);
        if ((rc == 0) != rows[i].valid)
            fail_msg("%s: %d", rows[i].json, rc);
        if (rc < 0)
            continue;
        assert_string_equal(SIGNATURE, signature);
        assert_string_equal(RANDOMNESS, value);
    }
}

TEST_CASE(a_difference_in_any_part_makes_another_promise)
{
    struct beacon first = {
        .kind = BEACON_TEXT, .late_s = 120, .words = "the lottery", .chain = "ab"};
    beacon_settle(&first, NULL, &sources, 1700000000000, 1000);
    assert_int_equal(0, first.round);
    assert_int_equal(0, first.at_ms); /* nobody knows when the text will be entered */
    assert_string_equal("", first.chain);
    struct beacon others[] = {first, first, {.kind = BEACON_DRAND, .late_s = 120}, first};
    others[0].late_s = 121;
    strcpy(others[1].words, "the weather");
    others[3].kind = BEACON_NONE;
    for (unsigned i = 0; i < 4; i++) {
        assert_false(beacon_same_choice(&first, &others[i]));
        beacon_settle(&others[i], &first, &sources, 1700000000000, 2000);
        assert_int_equal(1, others[i].changes);
        assert_int_equal(2000, others[i].since_ms);
    }
    struct beacon drand = others[2], same = drand;
    struct beacon_sources other_sources[] = {sources, sources, sources};
    other_sources[0].chain[0] ^= 1;                   /* another network */
    other_sources[1].genesis_ms -= sources.period_ms; /* another round at that time */
    other_sources[2].genesis_ms += 1;                 /* another time of that round */
    for (unsigned i = 0; i < 3; i++) {
        beacon_settle(&same, &drand, &other_sources[i], 1700000000000, 3000);
        assert_int_equal(2, same.changes);
    }
    assert_int_equal(drand.round, same.round);
}

TEST_CASE(the_closing_dates_a_text_and_not_an_absent_beacon)
{
    struct beacon words = {.kind = BEACON_TEXT, .words = "the lottery"};
    assert_int_equal(1700000000000, beacon_after(&words, &sources, 1700000000000).at_ms);
    struct beacon none = {.kind = BEACON_NONE};
    assert_int_equal(0, beacon_after(&none, &sources, 1700000000000).at_ms);
}

TEST_CASE(a_signature_is_lower_case_hex_of_its_length)
{
    char value[BEACON_HASH_LEN + 1], signature[] = SIGNATURE;
    const struct span all = span_of(signature);
    assert_true(beacon_drand_value(all, value));
    assert_string_equal(RANDOMNESS, value);
    assert_false(beacon_drand_value((struct span){all.ptr, all.len - 1}, value));
    static const char others[] = {'/', ':', '`', 'g', 'A'};
    for (unsigned i = 0; i < sizeof(others); i++) {
        signature[all.len - 1] = others[i];
        assert_false(beacon_drand_value(all, value));
    }
    signature[all.len - 1] = '9';
    signature[0] = 'g';
    assert_false(beacon_drand_value(all, value));
    char json[256], kept[BEACON_SIGN_LEN + 1];
    snprintf(json, sizeof(json), "{\"round\":1000,\"signature\":\"%s\"}", signature);
    assert_int_equal(ERR_AUTH, beacon_drand_answer(span_of(json), 1000, NULL, kept, value));
}

TEST_CASE(a_promise_reads_back_and_errors_name_the_member)
{
#define DATES "'since':'2027-01-01T00:00:00.000Z','changes':0}"
    static const struct {
        const char *json, *fault; /* NULL: it is written as it was read */
    } rows[] = {
        {"{'kind':'drand','chain':'a','round':0,'at':null,'late_s':5," DATES, NULL},
        {"{'kind':'drand','chain':'2','round':7,'at':'2027-01-02T03:04:05.000Z',"
         "'late_s':86400," DATES,
         NULL},
        {"{'kind':'text','words':'w','late_s':120," DATES, NULL},
        {"{'kind':'none','late_s':120,'since':null,'changes':3}", NULL},
        {"{}", "/beacon/kind: is missing"},
        {"{'kind':'stars'}", "/beacon/kind: must be"},
        {"{'kind':'text'}", "/beacon/words: is missing"},
        {"{'kind':'drand','at':5}", "/beacon/at: must be a time"},
        {"{'kind':'drand','late_s':4}", "/beacon/late_s: must be a whole"},
        {"{'kind':'drand','late_s':86401}", "/beacon/late_s: must be a whole"},
        {"{'kind':'drand','chain':''}", "/beacon/chain: must be a text of 1 to 64"},
        {"{'kind':'drand','round':-1}", "/beacon/round: must be a whole"},
        {"{'kind':'drand','changes':-1}", "/beacon/changes: must be a whole"},
        {"{'kind':'drand','since':5}", "/beacon/since: must be a time"},
        {"{'kind':'drand','more':5}", "/beacon/more: is not known"},
        {"{'kind':'text','words':'\\u0001'}", "/beacon/words: must be printable"},
        {"{'kind':'text','words':'a\\u001f'}", "/beacon/words: must be printable"},
        {"{'kind':'text','words':'a\\u007f'}", "/beacon/words: must be printable"},
        {"{'kind':'text','words':''}", "/beacon/words: must be a text of 1 to 200"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct beacon beacon;
        struct err_slot err = {.text = ""};
        struct json_in in;
        char whole[512], memory[1024];
        const char *json = script_json(rows[i].json);
        snprintf(whole, sizeof(whole), "{\"beacon\":%s}", json);
        json_t *doc = json_loads(whole, 0, NULL);
        json_in_object(&in, doc, &err);
        beacon_read(&in, "beacon", &beacon);
        json_decref(doc);
        if (rows[i].fault != NULL) {
            assert_true(in.rc < 0);
            assert_says(&err, rows[i].fault);
            continue;
        }
        assert_string_equal("", err.text);
        struct text text = text_on(memory, sizeof(memory));
        beacon_put(&text, &beacon);
        assert_span(text_span(&text), json);
    }
#undef DATES
}
