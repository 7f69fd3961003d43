/* codes_test.c: the codes that people type: references of slowed visitors, invitations to a lane,
 * codes that move a place, presale codes. */
#include "base/err.h"
#include "core/token/appeal.h"
#include "core/token/code32.h"
#include "core/token/invitation.h"
#include "core/token/move_code.h"
#include "core/token/presale.h"
#include "unit.h"

#define LEN(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct mac_ring one_key = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const struct mac_ring rotated = {
    .key = {{.id = 2, .key = "fedcba9876543210"}, {.id = 1, .key = "0123456789abcdef"}}, .len = 2};
static const struct mac_ring other = {.key = {{.id = 1, .key = "not the same key"}}, .len = 1};

enum { NOW = 29900000 /* a minute of 2026 */, NOW_S = 1800000000, CODE_MAX = 32 };

/* ---- appeals and invitations: signed, with a check letter ---- */

static int read_appeal(const struct mac_ring *ring, const char *event, struct span text)
{
    struct appeal read;
    return appeal_parse(ring, span_of(event), text, NOW, &read);
}

static int read_invitation(const struct mac_ring *ring, const char *event, struct span text)
{
    struct invitation read;
    return invitation_parse(ring, span_of(event), text, &read);
}

static void write_appeal(char text[CODE_MAX])
{
    appeal_make(text, &one_key, SPAN("show"), (struct appeal){APPEAL_JOINS, NOW});
}

static void put_invitation(struct invitation invitation, char memory[CODE_MAX])
{
    struct text text = text_on(memory, INVITATION_TEXT_LEN);
    invitation_put(&text, &one_key, SPAN("show"), invitation);
    assert_false(text.overflown);
    assert_int_equal(text.len, INVITATION_TEXT_LEN);
    memory[text.len] = '\0';
}

static void write_invitation(char text[CODE_MAX])
{
    put_invitation((struct invitation){1, 5}, text);
}

static void a_typing_error_is_found_and_a_forged_code_refused(void **state)
{
    (void)state;
    static const struct {
        void (*write)(char text[CODE_MAX]);
        int (*read)(const struct mac_ring *ring, const char *event, struct span text);
    } kinds[] = {{write_appeal, read_appeal}, {write_invitation, read_invitation}};
    for (size_t k = 0; k < LEN(kinds); k++) {
        char text[CODE_MAX];
        kinds[k].write(text);
        const size_t len = strlen(text);
        const struct span span = {text, len};
        assert_int_equal(kinds[k].read(&one_key, "show", span), 0);
        assert_int_equal(kinds[k].read(&rotated, "show", span), 0);
        assert_int_equal(kinds[k].read(&one_key, "shoe", span), ERR_AUTH);
        assert_int_equal(kinds[k].read(&other, "show", span), ERR_AUTH);
        assert_int_equal(kinds[k].read(&one_key, "show", SPAN("")), ERR_SYNTAX);
        for (size_t i = 0; i < len; i++) {
            const char was = text[i], last = text[len - 1];
            if (was == '-')
                continue;
            text[i] = was == '7' ? '8' : '7';
            assert_int_equal(kinds[k].read(&one_key, "show", span), ERR_SYNTAX);
            /* With a matching check letter it is still a code without a signature. */
            for (const char *l = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; *l && i < len - 1; l++) {
                text[len - 1] = *l;
                assert_true(kinds[k].read(&one_key, "show", span) < 0);
                text[len - 1] = last;
            }
            text[i] = was;
        }
        assert_int_equal(kinds[k].read(&one_key, "show", span), 0);
    }
}

static void a_reference_says_its_limit_and_its_minute(void **state)
{
    (void)state;
    const uint64_t ages[] = {0, 1, 1440, APPEAL_MINUTES - 1};
    for (unsigned limit = 0; limit < APPEAL_LIMIT_COUNT; limit++) {
        for (size_t i = 0; i < LEN(ages); i++) {
            char text[APPEAL_LEN + 1];
            struct appeal read, made = {(enum appeal_limit)limit, NOW - ages[i]};
            appeal_make(text, &one_key, SPAN("show"), made);
            assert_true(appeal_looks_right(span_of(text)));
            assert_int_equal(appeal_parse(&one_key, SPAN("show"), span_of(text), NOW, &read), 0);
            assert_int_equal(read.limit, made.limit);
            assert_int_equal(read.minute, made.minute);
        }
    }
}

static void a_reference_is_recognised_as_people_say_it(void **state)
{
    (void)state;
    char text[CODE_MAX], said[APPEAL_LEN + 2] = {0};
    write_appeal(text);
    for (size_t i = 0; i < APPEAL_LEN; i++) {
        char c = text[i];
        said[i < 4 ? i : i + 1] = (char)(c >= 'A' ? c - 'A' + 'a' : c);
    }
    said[4] = '-';
    assert_int_equal(read_appeal(&one_key, "show", span_of(said)), 0);
    assert_false(appeal_looks_right(span_of(said)));
    assert_false(appeal_looks_right((struct span){text, APPEAL_LEN - 1}));
    assert_false(appeal_looks_right(SPAN("")));
    text[2] = text[2] == 'A' ? 'B' : 'A';
    assert_false(appeal_looks_right(span_of(text))); /* its check letter is another */
    text[2] = '{';
    assert_false(appeal_looks_right(span_of(text)));
}

static void an_invitation_reads_back(void **state)
{
    (void)state;
    static const struct invitation all[] = {{1, 1}, {LANES_MAX, INVITATIONS_MAX}, {2, 77}};
    for (size_t i = 0; i < LEN(all); i++) {
        char text[CODE_MAX];
        struct invitation read;
        put_invitation(all[i], text);
        assert_int_equal(invitation_parse(&rotated, SPAN("show"), span_of(text), &read), 0);
        assert_int_equal(read.lane, all[i].lane);
        assert_int_equal(read.number, all[i].number);
    }
}

/* ---- signed, as a newer version might, with a limit, lane or number that is unknown here ---- */

/* The MAC over purpose, the head in four bytes (lowest first) and the event. */
static void sign(const char *purpose, uint32_t head, uint8_t mac[MAC_BYTES])
{
    uint8_t message[32];
    const size_t len = strlen(purpose) + 1;
    memcpy(message, purpose, len);
    for (unsigned i = 0; i < 4; i++)
        message[len + i] = (uint8_t)(head >> (8 * i));
    memcpy(message + len + 4, "show", 4);
    mac_make(&one_key, message, len + 8, mac);
}

/* As appeal.c describes it: 3 bits of limit, 17 of minutes, 15 of a MAC, the highest first. */
static void a_signed_reference_without_a_known_limit_is_refused(void **state)
{
    (void)state;
    for (uint32_t limit = 0; limit < 8; limit++) {
        char text[APPEAL_LEN + 1] = {0};
        uint8_t mac[MAC_BYTES], values[APPEAL_LEN] = {0};
        uint32_t head = (NOW % (1 << 17)) << 3 | limit;
        sign("appeal", head, mac);
        uint64_t bits = (uint64_t)head << 15 | ((uint32_t)(mac[0] << 8 | mac[1]) & 0x7FFF);
        for (unsigned i = APPEAL_LEN - 1; i-- > 0; bits >>= 5)
            values[i] = bits & 31;
        code32_make(values, APPEAL_LEN, text);
        assert_int_equal(read_appeal(&one_key, "show", span_of(text)),
                         limit < APPEAL_LIMIT_COUNT ? 0 : ERR_AUTH);
    }
}

/* As invitation.h describes it: 23 bits of lane and number, 62 of a MAC, the lowest first. */
static void a_signed_invitation_without_a_valid_lane_or_number_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t lane, number;
        int rc;
    } rows[] = {{0, 1, ERR_AUTH}, {LANES_MAX + 1, 1, ERR_AUTH},
                {1, 0, ERR_AUTH}, {1, INVITATIONS_MAX + 1, ERR_AUTH},
                {1, 1, 0},        {LANES_MAX, INVITATIONS_MAX, 0}};
    for (size_t i = 0; i < LEN(rows); i++) {
        char code[INVITATION_LEN];
        uint8_t mac[MAC_BYTES], values[INVITATION_LEN] = {0};
        struct invitation read = {.lane = 9};
        uint32_t head = rows[i].lane << 20 | rows[i].number;
        sign("invitation", head, mac);
        for (unsigned at = 0; at < 23 + 62; at++) {
            unsigned bit = 61 - (at - 23); /* from the MAC's first */
            uint32_t set = at < 23 ? head >> at & 1 : (uint32_t)mac[bit / 8] >> (7 - bit % 8) & 1;
            values[at / 5] |= (uint8_t)(set << at % 5);
        }
        code32_make(values, INVITATION_LEN, code);
        const struct span text = {code, INVITATION_LEN};
        assert_int_equal(invitation_parse(&one_key, SPAN("show"), text, &read), rows[i].rc);
        assert_int_equal(read.lane, rows[i].rc == 0 ? rows[i].lane : 9);
    }
}

static void lines_are_named_by_event_and_lane(void **state)
{
    (void)state;
    char name[LINE_ID_MAX + 1];
    line_name(SPAN("show"), 2, name);
    assert_string_equal(name, "show@2");
    assert_int_equal(line_lane_named(name), 2);
    assert_true(span_eq(line_event_of(span_of(name)), SPAN("show")));
    line_name(SPAN("show"), 0, name);
    assert_string_equal(name, "show");
    assert_int_equal(line_lane_named(name), 0);
    uint64_t place = line_place_of(3, 17);
    assert_int_equal(line_lane_of(place), 3);
    assert_int_equal(line_place_in_lane(place), 17);
    assert_int_equal(line_place_of(0, 17), 17);
}

/* ---- moves ---- */

/* Fronts of two versions make the same code during an upgrade, so its letters are written out. */
static void a_move_code_is_for_one_place_move_event_and_window(void **state)
{
    (void)state;
    const uint64_t begin_s = NOW_S / MOVE_WINDOW_S * MOVE_WINDOW_S;
    const struct {
        const struct mac_ring *ring;
        const char *event;
        struct ticket ticket;
        uint64_t at_s;
        bool same;
    } rows[] = {
        {&one_key, "show", {.entry = 5, .moves = 1, .tag = 7}, begin_s, true},
        {&one_key, "show", {.entry = 5, .moves = 1, .tag = 7}, begin_s + MOVE_WINDOW_S - 1, true},
        {&one_key, "show", {.entry = 5, .moves = 1, .tag = 7}, begin_s + MOVE_WINDOW_S, false},
        {&one_key, "show", {.entry = 5, .moves = 1, .tag = 7}, begin_s - 1, false},
        {&one_key, "shown", {.entry = 5, .moves = 1, .tag = 7}, begin_s, false},
        {&other, "show", {.entry = 5, .moves = 1, .tag = 7}, begin_s, false},
        {&one_key, "show", {.entry = 6, .moves = 1, .tag = 7}, begin_s, false},
        {&one_key, "show", {.entry = 5, .moves = 2, .tag = 7}, begin_s, false},
        {&one_key, "show", {.entry = 5, .moves = 1, .tag = 7, .lane = 1}, begin_s, false},
        {&one_key, "show", {.entry = 5, .moves = 1, .tag = 8}, begin_s, false},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        char code[MOVE_CODE_LEN + 1] = {0};
        move_code_make(rows[i].ring, span_of(rows[i].event), &rows[i].ticket, rows[i].at_s, code);
        if ((strcmp(code, "BEPSMT8V50FZ") == 0) != rows[i].same)
            fail_msg("row %zu: %s", i, code);
    }
}

static void a_move_code_lasts_a_window_and_the_rest_of_its_own(void **state)
{
    (void)state;
    uint64_t begin_s = NOW_S / MOVE_WINDOW_S * MOVE_WINDOW_S;
    assert_int_equal(move_code_expires_s(begin_s), begin_s + 2 * MOVE_WINDOW_S);
    assert_int_equal(move_code_expires_s(begin_s + MOVE_WINDOW_S - 1), begin_s + 2 * MOVE_WINDOW_S);
    assert_int_equal(move_code_expires_s(begin_s + MOVE_WINDOW_S), begin_s + 3 * MOVE_WINDOW_S);
}

static void a_move_code_is_read_as_it_is_shown(void **state)
{
    (void)state;
    char memory[2 * MOVE_CODE_LEN], code[MOVE_CODE_LEN], read[MOVE_CODE_LEN];
    struct text text = text_on(memory, sizeof(memory));
    move_code_make(&one_key, SPAN("show"), &(struct ticket){.entry = 5}, NOW_S, code);
    move_code_put(&text, code);
    assert_true(move_code_parse(text_span(&text), read));
    assert_memory_equal(read, code, MOVE_CODE_LEN);
    assert_false(move_code_parse((struct span){memory, text.len - 1}, read));
    memory[0] = memory[0] == 'A' ? 'B' : 'A'; /* the last letter checks the others */
    assert_false(move_code_parse(text_span(&text), read));
}

/* ---- presale ---- */

static const char abcd[] = "e12e115acf4552b2568b55e93cbd39394c4ef81c82447fafc997882a02d23677";

static void a_presale_code_is_the_same_however_it_is_typed(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {{"FAN2026", "fan2026", true},
                {"FAN2026", " Fan-20 26-", true},
                {"FAN2026", "f-a-n-2-0-2-6", true},
                {"FAN2026", "FAN2027", false}};
    uint8_t a[PRESALE_SHA_BYTES], b[PRESALE_SHA_BYTES];
    for (size_t i = 0; i < LEN(rows); i++) {
        assert_true(presale_digest(span_of(rows[i].a), a) && presale_digest(span_of(rows[i].b), b));
        assert_int_equal(memcmp(a, b, sizeof(a)) == 0, rows[i].same);
    }
    assert_true(presale_digest(SPAN("abcd"), a));
    assert_true(presale_digest_parse(span_of(abcd), b)); /* SHA-256 of "ABCD" */
    assert_memory_equal(a, b, sizeof(a));
}

static void a_presale_code_has_four_letters_to_its_bound(void **state)
{
    (void)state;
    uint8_t sha[PRESALE_SHA_BYTES];
    char longest[PRESALE_CODE_MAX + 1];
    memset(longest, 'A', sizeof(longest));
    assert_true(presale_digest((struct span){longest, PRESALE_CODE_MAX}, sha));
    assert_false(presale_digest((struct span){longest, PRESALE_CODE_MAX + 1}, sha));
    assert_true(presale_digest(SPAN("{|}~"), sha)); /* behind the letters */
    assert_false(presale_digest((struct span){"AB\0CD", 5}, sha));
    static const char *const bad[] = {
        "", "ABC", "A-B-C", "    ", "AB\tCD", "ABC\x7F", "\xED\x8C\xAC\xEC\xBD\x94"};
    for (size_t i = 0; i < LEN(bad); i++)
        assert_false(presale_digest(span_of(bad[i]), sha));
    static const char *const digests[] = {
        "", "e12e", "zz2e115acf4552b2568b55e93cbd39394c4ef81c82447fafc997882a02d23677",
        "e12e115acf4552b2568b55e93cbd39394c4ef81c82447fafc997882a02d2367700",
        "e12e115acf4552b2568b55e93cbd39394c4ef81c82447fafc997882a02d2367 "};
    for (size_t i = 0; i < LEN(digests); i++)
        assert_false(presale_digest_parse(span_of(digests[i]), sha));
}

static void a_stored_presale_code_depends_on_key_event_and_code(void **state)
{
    (void)state;
    static const struct {
        const struct mac_ring *ring;
        const char *event, *code;
    } rows[] = {{&one_key, "show", "FAN2026"},
                {&one_key, "show", "FAN2026"},
                {&other, "show", "FAN2026"},
                {&one_key, "show2", "FAN2026"},
                {&one_key, "show", "FAN2027"}};
    uint8_t sha[PRESALE_SHA_BYTES], first[LINE_CODE_BYTES] = {0}, stored[LINE_CODE_BYTES];
    for (size_t i = 0; i < LEN(rows); i++) {
        assert_true(presale_digest(span_of(rows[i].code), sha));
        presale_sign(rows[i].ring, span_of(rows[i].event), sha, stored);
        assert_int_equal(memcmp(first, stored, sizeof(first)) == 0, i == 1);
        if (i == 0)
            memcpy(first, stored, sizeof(first));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_typing_error_is_found_and_a_forged_code_refused),
        cmocka_unit_test(a_reference_says_its_limit_and_its_minute),
        cmocka_unit_test(a_reference_is_recognised_as_people_say_it),
        cmocka_unit_test(an_invitation_reads_back),
        cmocka_unit_test(a_signed_reference_without_a_known_limit_is_refused),
        cmocka_unit_test(a_signed_invitation_without_a_valid_lane_or_number_is_refused),
        cmocka_unit_test(lines_are_named_by_event_and_lane),
        cmocka_unit_test(a_move_code_is_for_one_place_move_event_and_window),
        cmocka_unit_test(a_move_code_lasts_a_window_and_the_rest_of_its_own),
        cmocka_unit_test(a_move_code_is_read_as_it_is_shown),
        cmocka_unit_test(a_presale_code_is_the_same_however_it_is_typed),
        cmocka_unit_test(a_presale_code_has_four_letters_to_its_bound),
        cmocka_unit_test(a_stored_presale_code_depends_on_key_event_and_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
