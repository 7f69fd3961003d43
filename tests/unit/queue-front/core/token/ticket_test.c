/* ticket_test.c: a ticket and the session that comes of it, in honest hands and in others. */
#include "base/base64.h"
#include "core/token/session.h"
#include "core/token/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW_S = 1800000000, NIGHT_S = 72 * 3600 };

static const struct mac_ring one_key = {.key = {{.id = 1, .key = "0123456789abcdef"}}, .len = 1};
static const struct mac_ring rotated = {
    .key = {{.id = 2, .key = "fedcba9876543210"}, {.id = 1, .key = "0123456789abcdef"}}, .len = 2};
static const struct mac_ring other = {.key = {{.id = 1, .key = "not the same key"}}, .len = 1};

static const struct ticket sample = {
    .entry = TICKET_ENTRY_MAX,
    .issued_s = NOW_S,
    .moves = 254,
    .tag = 0xABCDEF,
    .member = true,
    .visitor = {1, 2, 3, 4, 5, 6, 7, 8},
    .key_id = 1,
    .p50_s = TICKET_WAIT_MAX_S - 1,
    .p90_s = TICKET_WAIT_MAX_S,
    .issued_ms = 999,
};

static struct span write_ticket(const struct mac_ring *ring, char memory[TICKET_LEN_MAX])
{
    struct text text = text_on(memory, TICKET_LEN_MAX);
    ticket_put(&text, ring, SPAN("show"), &sample);
    assert_false(text.overflown);
    assert_int_equal(text.len, TICKET_LEN_MAX);
    return text_span(&text);
}

static int parse(const struct mac_ring *ring, const char *event, struct span text)
{
    struct ticket ticket;
    return ticket_parse(ring, span_of(event), text, NOW_S, NIGHT_S, &ticket);
}

static void a_ticket_is_read_as_it_was_written(void **state)
{
    (void)state;
    char memory[TICKET_LEN_MAX];
    struct span text = write_ticket(&one_key, memory);
    struct ticket read;
    assert_int_equal(ticket_parse(&one_key, SPAN("show"), text, NOW_S, NIGHT_S, &read), 0);
    assert_int_equal(read.entry, sample.entry);
    assert_int_equal(read.issued_s, NOW_S);
    assert_int_equal(read.moves, 254);
    assert_int_equal(read.tag, 0xABCDEF);
    assert_true(read.member);
    assert_int_equal(read.key_id, 1);
    assert_int_equal(read.p50_s, TICKET_WAIT_MAX_S - 1);
    assert_int_equal(read.p90_s, TICKET_WAIT_MAX_S);
    assert_in_range(read.issued_ms, 995, 999);
    assert_memory_equal(read.visitor, sample.visitor, LINE_VISITOR_BYTES);
}

static void no_changed_character_is_believed(void **state)
{
    (void)state;
    char memory[TICKET_LEN_MAX];
    struct span text = write_ticket(&one_key, memory);
    for (size_t i = 0; i < TICKET_LEN_MAX; i++) {
        char was = memory[i];
        for (int c = 0; c < 256; c++) {
            memory[i] = (char)c;
            if (memory[i] != was)
                assert_true(parse(&one_key, "show", text) < 0);
        }
        memory[i] = was;
    }
    assert_int_equal(parse(&one_key, "show", text), 0);
}

static void a_ticket_of_another_event_or_key_is_foreign(void **state)
{
    (void)state;
    char memory[TICKET_LEN_MAX];
    struct span text = write_ticket(&one_key, memory);
    assert_int_equal(parse(&one_key, "shoe", text), ERR_AUTH);
    assert_int_equal(parse(&one_key, "show2", text), ERR_AUTH);
    assert_int_equal(parse(&other, "show", text), ERR_AUTH);
}

static void a_text_that_is_no_ticket_is_a_syntax_error(void **state)
{
    (void)state;
    char memory[TICKET_LEN_MAX + 1] = {0};
    struct span text = write_ticket(&one_key, memory);
    assert_int_equal(parse(&one_key, "show", (struct span){NULL, 0}), ERR_SYNTAX);
    assert_int_equal(parse(&one_key, "show", (struct span){text.ptr, TICKET_LEN_MAX - 1}),
                     ERR_SYNTAX);
    assert_int_equal(parse(&one_key, "show", (struct span){text.ptr, TICKET_LEN_MAX + 1}),
                     ERR_SYNTAX);
    memory[0] = 'B'; /* another version */
    assert_int_equal(parse(&one_key, "show", text), ERR_SYNTAX);
}

static void a_ticket_survives_the_night_and_a_rotation(void **state)
{
    (void)state;
    char memory[TICKET_LEN_MAX];
    struct span text = write_ticket(&one_key, memory);
    struct ticket read;
    assert_int_equal(ticket_parse(&rotated, SPAN("show"), text, NOW_S + NIGHT_S, NIGHT_S, &read),
                     0);
    assert_int_equal(
        ticket_parse(&rotated, SPAN("show"), text, NOW_S + NIGHT_S + 1, NIGHT_S, &read),
        ERR_TIMEOUT);
    /* A front whose clock is behind still takes it. */
    assert_int_equal(ticket_parse(&rotated, SPAN("show"), text, NOW_S - 60, NIGHT_S, &read), 0);
}

/* The sample's, with another place and another lane, and honestly signed: as ticket.c says. */
static struct span sign(uint32_t entry, uint8_t lane, char memory[TICKET_LEN_MAX])
{
    enum { PLAIN = 29 };
    char good[TICKET_LEN_MAX];
    uint8_t bytes[PLAIN + MAC_BYTES], message[7 + PLAIN + 4] = "ticket";
    assert_true(base64_decode_exact(write_ticket(&one_key, good), bytes, sizeof(bytes)));
    bytes[2] = lane;
    for (unsigned i = 0; i < 4; i++)
        bytes[4 + i] = (uint8_t)(entry >> (24 - 8 * i));
    memcpy(message + 7, bytes, PLAIN);
    memcpy(message + 7 + PLAIN, "show", 4);
    mac_make(&one_key, message, sizeof(message), bytes + PLAIN);
    struct text text = text_on(memory, TICKET_LEN_MAX);
    base64_put(&text, bytes, sizeof(bytes));
    return text_span(&text);
}

/* As a program might that knows more lanes. */
static void a_signed_ticket_without_a_valid_place_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t entry;
        uint8_t lane;
        int rc;
    } rows[] = {{1, 0, 0},
                {1, LANES_MAX, 0},
                {0, 0, ERR_AUTH},
                {1, LANES_MAX + 1, ERR_AUTH},
                {TICKET_ENTRY_MAX, 0x7F, ERR_AUTH}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[TICKET_LEN_MAX];
        assert_int_equal(parse(&one_key, "show", sign(rows[i].entry, rows[i].lane, memory)),
                         rows[i].rc);
    }
}

static struct span write_session(const struct mac_ring *ring, char memory[SESSION_LEN_MAX])
{
    struct text text = text_on(memory, SESSION_LEN_MAX);
    session_put(&text, ring, SPAN("show"), &sample, 4711);
    assert_false(text.overflown);
    return text_span(&text);
}

static void a_session_is_the_same_after_a_rotation(void **state)
{
    (void)state;
    char before[SESSION_LEN_MAX], after[SESSION_LEN_MAX];
    struct span first = write_session(&one_key, before);
    assert_true(span_eq(first, write_session(&rotated, after)));
    struct session read;
    assert_int_equal(session_parse(&rotated, first, &read), 0);
    assert_true(span_eq(read.event, SPAN("show")));
    assert_int_equal(read.place, 4711);
    assert_int_equal(read.tag, 0xABCDEF);
    assert_memory_equal(read.visitor, sample.visitor, LINE_VISITOR_BYTES);
}

static void a_made_up_session_ends_nobodys_visit(void **state)
{
    (void)state;
    char memory[SESSION_LEN_MAX];
    struct span text = write_session(&one_key, memory);
    struct session read;
    for (size_t i = 0; i < text.len; i++) {
        char was = memory[i];
        memory[i] = was == '7' ? '8' : '7';
        assert_true(session_parse(&one_key, text, &read) < 0);
        memory[i] = was;
    }
    assert_int_equal(session_parse(&other, text, &read), ERR_AUTH);
    static const char *const nonsense[] = {
        "",       ".",        "..",    "show",
        "show.1", "show.0.x", "a.b.c", "show.01.AQECAwQFBgcIAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
        assert_int_equal(session_parse(&one_key, span_of(nonsense[i]), &read), ERR_SYNTAX);
}

static void a_session_of_a_lane_that_cannot_be_is_refused(void **state)
{
    (void)state;
    char memory[SESSION_LEN_MAX];
    struct text text = text_on(memory, sizeof(memory));
    session_put(&text, &one_key, SPAN("show"), &sample, (LANES_MAX + UINT64_C(1)) << 32 | 7);
    struct session read;
    assert_int_equal(session_parse(&one_key, text_span(&text), &read), ERR_SYNTAX);
}

static void tickets_read_back_with_and_without_member_and_tag(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        char memory[TICKET_LEN_MAX], name[SESSION_LEN_MAX];
        struct ticket written = sample, read;
        struct session session;
        written.member = (kind & 1) != 0;
        written.tag = (kind & 2) != 0 ? 7 : 0;
        struct text text = text_on(memory, sizeof(memory));
        ticket_put(&text, &one_key, SPAN("show"), &written);
        assert_int_equal(text.len, written.tag > 0 ? TICKET_LEN_MAX : 56);
        assert_int_equal(
            ticket_parse(&one_key, SPAN("show"), text_span(&text), NOW_S, NIGHT_S, &read), 0);
        assert_int_equal(read.member, written.member);
        assert_int_equal(read.tag, written.tag);
        text = text_on(name, sizeof(name));
        session_put(&text, &one_key, SPAN("show"), &written, 12);
        assert_int_equal(session_parse(&one_key, text_span(&text), &session), 0);
        assert_int_equal(session.tag, written.tag);
        assert_int_equal(session.place, 12);
    }
}

static void an_event_name_that_is_too_long_has_no_tickets(void **state)
{
    (void)state;
    char memory[TICKET_LEN_MAX], event[LINE_EVENT_ID_MAX + 1];
    struct ticket read;
    memset(event, 'x', sizeof(event));
    struct span text = write_ticket(&one_key, memory);
    for (size_t len = LINE_EVENT_ID_MAX; len <= LINE_EVENT_ID_MAX + 1; len++)
        assert_int_equal(
            ticket_parse(&one_key, (struct span){event, len}, text, NOW_S, NIGHT_S, &read),
            len <= LINE_EVENT_ID_MAX ? ERR_AUTH : ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_read_as_it_was_written),
        cmocka_unit_test(no_changed_character_is_believed),
        cmocka_unit_test(a_ticket_of_another_event_or_key_is_foreign),
        cmocka_unit_test(a_text_that_is_no_ticket_is_a_syntax_error),
        cmocka_unit_test(a_ticket_survives_the_night_and_a_rotation),
        cmocka_unit_test(a_session_of_a_lane_that_cannot_be_is_refused),
        cmocka_unit_test(a_session_is_the_same_after_a_rotation),
        cmocka_unit_test(a_made_up_session_ends_nobodys_visit),
        cmocka_unit_test(tickets_read_back_with_and_without_member_and_tag),
        cmocka_unit_test(an_event_name_that_is_too_long_has_no_tickets),
        cmocka_unit_test(a_signed_ticket_without_a_valid_place_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
