/* ticket_test.c: a ticket and the session that comes of it, honest and forged. */
#include "base/base64.h"
#include "core/token/session.h"
#include "core/token/ticket.h"
#include "unit.h"

#define LEN(rows) (sizeof(rows) / sizeof((rows)[0]))

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

static struct span write_ticket(const struct ticket *ticket, char memory[TICKET_LEN + 1])
{
    struct text text = text_on(memory, TICKET_LEN);
    ticket_put(&text, &one_key, SPAN("show"), ticket);
    assert_false(text.overflown);
    assert_int_equal(text.len, TICKET_LEN);
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
    for (unsigned member = 0; member < 2; member++) {
        char memory[TICKET_LEN + 1];
        struct ticket written = sample, read;
        written.member = member != 0;
        written.tag = member != 0 ? sample.tag : 0;
        struct span text = write_ticket(&written, memory);
        assert_int_equal(ticket_parse(&one_key, SPAN("show"), text, NOW_S, NIGHT_S, &read), 0);
        assert_int_equal(read.entry, sample.entry);
        assert_int_equal(read.issued_s, NOW_S);
        assert_int_equal(read.moves, 254);
        assert_int_equal(read.tag, written.tag);
        assert_int_equal(read.member, member);
        assert_int_equal(read.key_id, 1);
        assert_int_equal(read.p50_s, TICKET_WAIT_MAX_S - 1);
        assert_int_equal(read.p90_s, TICKET_WAIT_MAX_S);
        assert_int_equal(read.issued_ms, 996); /* to 4 ms */
        assert_memory_equal(read.visitor, sample.visitor, LINE_VISITOR_BYTES);
    }
}

static void a_ticket_is_good_for_one_event_and_one_text(void **state)
{
    (void)state;
    char memory[TICKET_LEN + 1] = {0}, event[LINE_EVENT_ID_MAX + 2] = {0}, later[TICKET_LEN + 1];
    struct span text = write_ticket(&sample, memory);
    memset(event, 'x', LINE_EVENT_ID_MAX);
    memcpy(later, memory, TICKET_LEN);
    later[0] = 'B'; /* another version */
    const struct {
        const struct mac_ring *ring;
        const char *event;
        struct span text;
        int rc;
    } rows[] = {
        {&one_key, "show", text, 0},
        {&one_key, "shoe", text, ERR_AUTH},
        {&one_key, "show2", text, ERR_AUTH},
        {&other, "show", text, ERR_AUTH},
        {&one_key, event, text, ERR_AUTH},
        {&one_key, "show", {NULL, 0}, ERR_SYNTAX},
        {&one_key, "show", {memory, TICKET_LEN - 1}, ERR_SYNTAX},
        {&one_key, "show", {memory, TICKET_LEN + 1}, ERR_SYNTAX},
        {&one_key, "show", {later, TICKET_LEN}, ERR_SYNTAX},
    };
    for (size_t i = 0; i < LEN(rows); i++)
        assert_int_equal(parse(rows[i].ring, rows[i].event, rows[i].text), rows[i].rc);
    event[LINE_EVENT_ID_MAX] = 'x'; /* longer than any event's id */
    assert_int_equal(parse(&one_key, event, text), ERR_SYNTAX);
    for (size_t i = 0; i < TICKET_LEN; i++) {
        char was = memory[i];
        for (int c = 0; c < 256; c++) {
            memory[i] = (char)c;
            assert_true(memory[i] == was || parse(&one_key, "show", text) < 0);
        }
        memory[i] = was;
    }
}

static void a_ticket_survives_the_night_and_a_rotation(void **state)
{
    (void)state;
    static const struct {
        int after_s, rc;
    } rows[] = {{NIGHT_S, 0}, {NIGHT_S + 1, ERR_TIMEOUT}, {-60, 0 /* a clock that is behind */}};
    char memory[TICKET_LEN + 1];
    struct span text = write_ticket(&sample, memory);
    struct ticket read;
    for (size_t i = 0; i < LEN(rows); i++)
        assert_int_equal(ticket_parse(&rotated, SPAN("show"), text,
                                      (uint64_t)(NOW_S + rows[i].after_s), NIGHT_S, &read),
                         rows[i].rc);
}

/* The sample with another place and lane, signed as ticket.c says: as a version with more lanes
 * might. */
static void a_signed_ticket_without_a_valid_place_is_refused(void **state)
{
    (void)state;
    enum { PLAIN = 29 };
    static const struct {
        uint32_t entry;
        uint8_t lane;
        int rc;
    } rows[] = {{1, 0, 0},
                {1, LANES_MAX, 0},
                {0, 0, ERR_AUTH},
                {1, LANES_MAX + 1, ERR_AUTH},
                {TICKET_ENTRY_MAX, 0x7F, ERR_AUTH}};
    for (size_t i = 0; i < LEN(rows); i++) {
        char memory[TICKET_LEN + 1];
        uint8_t bytes[PLAIN + MAC_BYTES], message[7 + PLAIN + 4] = "ticket";
        assert_true(base64_decode_exact(write_ticket(&sample, memory), bytes, sizeof(bytes)));
        bytes[2] = rows[i].lane;
        for (unsigned b = 0; b < 4; b++)
            bytes[4 + b] = (uint8_t)(rows[i].entry >> (24 - 8 * b));
        memcpy(message + 7, bytes, PLAIN);
        memcpy(message + 7 + PLAIN, "show", 4);
        mac_make(&one_key, message, sizeof(message), bytes + PLAIN);
        struct text text = text_on(memory, TICKET_LEN);
        base64_put(&text, bytes, sizeof(bytes));
        assert_int_equal(parse(&one_key, "show", text_span(&text)), rows[i].rc);
    }
}

/* ---- sessions ---- */

static struct span write_session(const struct mac_ring *ring, uint64_t place,
                                 char memory[SESSION_LEN_MAX])
{
    struct text text = text_on(memory, SESSION_LEN_MAX);
    session_put(&text, ring, SPAN("show"), &sample, place);
    assert_false(text.overflown);
    return text_span(&text);
}

static void a_session_is_the_same_after_a_rotation(void **state)
{
    (void)state;
    char before[SESSION_LEN_MAX], after[SESSION_LEN_MAX];
    struct span first = write_session(&one_key, 4711, before);
    assert_true(span_eq(first, write_session(&rotated, 4711, after)));
    struct session read;
    assert_int_equal(session_parse(&rotated, first, &read), 0);
    assert_true(span_eq(read.event, SPAN("show")));
    assert_int_equal(read.place, 4711);
    assert_int_equal(read.tag, 0xABCDEF);
    assert_memory_equal(read.visitor, sample.visitor, LINE_VISITOR_BYTES);
}

static void a_forged_session_is_refused(void **state)
{
    (void)state;
    char memory[SESSION_LEN_MAX];
    struct span text = write_session(&one_key, 4711, memory);
    struct session read;
    for (size_t i = 0; i < text.len; i++) {
        char was = memory[i];
        memory[i] = was == '7' ? '8' : '7';
        assert_true(session_parse(&one_key, text, &read) < 0);
        memory[i] = was;
    }
    assert_int_equal(session_parse(&other, text, &read), ERR_AUTH);
    static const char *const bad[] = {
        "",       ".",        "..",    "show",
        "show.1", "show.0.x", "a.b.c", "show.01.AQECAwQFBgcIAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < LEN(bad); i++)
        assert_int_equal(session_parse(&one_key, span_of(bad[i]), &read), ERR_SYNTAX);
    text = write_session(&one_key, (LANES_MAX + UINT64_C(1)) << 32 | 7, memory);
    assert_int_equal(session_parse(&one_key, text, &read), ERR_SYNTAX); /* no such lane */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_read_as_it_was_written),
        cmocka_unit_test(a_ticket_is_good_for_one_event_and_one_text),
        cmocka_unit_test(a_ticket_survives_the_night_and_a_rotation),
        cmocka_unit_test(a_signed_ticket_without_a_valid_place_is_refused),
        cmocka_unit_test(a_session_is_the_same_after_a_rotation),
        cmocka_unit_test(a_forged_session_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
