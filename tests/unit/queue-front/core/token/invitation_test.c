/* invitation_test.c: codes that open a lane, in honest hands and in others. */
#include "core/token/invitation.h"

#include "core/token/code32.h"

#include "base/err.h"
#include "unit.h"

static const struct mac_ring one_key = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const struct mac_ring rotated = {
    .key = {{.id = 2, .key = "fedcba9876543210"}, {.id = 1, .key = "0123456789abcdef"}}, .len = 2};
static const struct mac_ring other = {.key = {{.id = 1, .key = "not the same key"}}, .len = 1};

static struct span write(struct invitation invitation, char memory[INVITATION_TEXT_LEN])
{
    struct text text = text_on(memory, INVITATION_TEXT_LEN);
    invitation_put(&text, &one_key, SPAN("show"), invitation);
    assert_false(text.overflown);
    assert_int_equal(text.len, INVITATION_TEXT_LEN);
    return text_span(&text);
}

static void an_invitation_reads_back_also_after_a_rotation(void **state)
{
    (void)state;
    static const struct invitation all[] = {{1, 1}, {LANES_MAX, INVITATIONS_MAX}, {2, 77}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char memory[INVITATION_TEXT_LEN];
        struct span text = write(all[i], memory);
        const struct mac_ring *rings[] = {&one_key, &rotated};
        for (size_t k = 0; k < 2; k++) {
            struct invitation read;
            assert_int_equal(invitation_parse(rings[k], SPAN("show"), text, &read), 0);
            assert_int_equal(read.lane, all[i].lane);
            assert_int_equal(read.number, all[i].number);
        }
    }
}

static void a_typing_error_is_found_and_a_forged_code_refused(void **state)
{
    (void)state;
    char memory[INVITATION_TEXT_LEN];
    struct span text = write((struct invitation){1, 5}, memory);
    struct invitation read;
    assert_int_equal(invitation_parse(&one_key, SPAN("shoe"), text, &read), ERR_AUTH);
    assert_int_equal(invitation_parse(&other, SPAN("show"), text, &read), ERR_AUTH);
    assert_int_equal(invitation_parse(&one_key, SPAN("show"), SPAN(""), &read), ERR_SYNTAX);
    for (size_t i = 0; i < text.len; i++) {
        char was = memory[i];
        if (was == '-')
            continue;
        memory[i] = was == 'Z' ? 'Y' : 'Z';
        assert_int_equal(invitation_parse(&one_key, SPAN("show"), text, &read), ERR_SYNTAX);
        /* With a matching check letter it is still a code without a signature. */
        static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        char last = memory[text.len - 1];
        for (size_t l = 0; l < 32 && i < text.len - 1; l++) {
            memory[text.len - 1] = letters[l];
            assert_true(invitation_parse(&one_key, SPAN("show"), text, &read) < 0);
        }
        memory[text.len - 1] = i < text.len - 1 ? last : memory[text.len - 1];
        memory[i] = was;
    }
    assert_int_equal(invitation_parse(&one_key, SPAN("show"), text, &read), 0);
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

/* As invitation.h describes it: 23 bits of lane and number, 62 of a MAC, the lowest first. */
static void sign(uint32_t lane, uint32_t number, char code[INVITATION_LEN])
{
    uint32_t head = lane << 20 | number;
    uint8_t message[] = "invitation\0....show", mac[MAC_BYTES], values[INVITATION_LEN] = {0};
    for (unsigned i = 0; i < 4; i++)
        message[11 + i] = (uint8_t)(head >> (8 * i));
    mac_make(&one_key, message, sizeof(message) - 1, mac);
    for (unsigned at = 0; at < 23 + 62; at++) {
        unsigned bit = 61 - (at - 23); /* from the MAC's first */
        uint32_t set = at < 23 ? head >> at & 1 : (uint32_t)mac[bit / 8] >> (7 - bit % 8) & 1;
        values[at / 5] |= (uint8_t)(set << at % 5);
    }
    code32_make(values, INVITATION_LEN, code);
}

/* Their signatures are right; what they name is not. */
static void a_signed_code_without_a_valid_lane_or_number_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t lane, number;
        int rc;
    } rows[] = {{0, 1, ERR_AUTH}, {LANES_MAX + 1, 1, ERR_AUTH},
                {1, 0, ERR_AUTH}, {1, INVITATIONS_MAX + 1, ERR_AUTH},
                {1, 1, 0},        {LANES_MAX, INVITATIONS_MAX, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char code[INVITATION_LEN];
        struct invitation read = {.lane = 9};
        sign(rows[i].lane, rows[i].number, code);
        assert_int_equal(
            invitation_parse(&one_key, SPAN("show"), (struct span){code, INVITATION_LEN}, &read),
            rows[i].rc);
        assert_int_equal(read.lane, rows[i].rc == 0 ? rows[i].lane : 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invitation_reads_back_also_after_a_rotation),
        cmocka_unit_test(a_typing_error_is_found_and_a_forged_code_refused),
        cmocka_unit_test(lines_are_named_by_event_and_lane),
        cmocka_unit_test(a_signed_code_without_a_valid_lane_or_number_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
