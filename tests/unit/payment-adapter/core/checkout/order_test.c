/* order_test.c: orders, moves and refund terms as they are stored: read whole, or not at all.
 *
 * Statements of a row (script.h). KIND is order, move or terms; JSON has ' for ", without blanks.
 *
 *   read KIND JSON | unread KIND JSON
 *   wrong KIND FROM TO         this exchange in the good text of that kind makes it unreadable
 *   grants BY_BUYER PERCENT UNTIL_MS         the terms that were read
 *   refund ASKED CAPTURED RETURNED           ASKED 0: all
 *   off STATUS HAS ACT         what happens to it when its event is cancelled; HAS moving, used,
 * both, - */
#include "core/checkout/moving.h"
#include "core/checkout/order.h"
#include "core/checkout/refund_terms.h"
#include "scarce.h"
#include "script.h"

#define SEAT(FROM) "{'from':'" FROM "','to':'B-1','ticket':'t_1','member':'42','lang':'ko'}"

static struct order order; /* too big for the stack */
static struct moving moving;
static struct refund_terms terms;

static const struct order whole = {
    .id = "o_1",
    .event = "gala",
    .event_name = "The-Gala",
    .hold = "h_1",
    .member = "42",
    .session = "s_1",
    .lang = "ko",
    .provider = "stripe",
    .currency = "KRW",
    .amount = 3000,
    .refund = 1000,
    .purchase = "digest",
    .credit = 2,
    .fees = 100,
    .terms = "terms",
    .expires_ms = 1800000000000,
    .payment = "pi_1",
    .payment_key = "key",
    .checked_key = "old_key",
    .check = ORDER_CHECK_REFUSED,
    .key_round = 2,
    .seats_len = 2,
    .seats = {"A-1", "A-2"},
};

/* ---- three kinds of text ---- */

static int read_order(struct span json)
{
    return order_parse(json, NULL, &order);
}

static int read_move(struct span json)
{
    return moving_parse(json, &moving);
}

static int read_terms(struct span json)
{
    return refund_terms_parse(json, &terms);
}

static const char *const kinds[] = {"order", "move", "terms", NULL};
static int (*const readers[])(struct span json) = {read_order, read_move, read_terms};
static char good[3][1024];

static void write_good_texts(void)
{
    char *json;
    assert_int_equal(order_dump(&whole, NULL, &json), 0);
    snprintf(good[0], sizeof(good[0]), "%s", json);
    free(json);
    strcpy(good[1], script_json("{'move':1,'moves':[" SEAT("A-1") "]}"));
    strcpy(good[2], script_json("{'by':'buyer','percent':90,'handed_on':true}"));
}

SCRIPT_VERB(do_read, "read|unread")
{
    struct span json = span_of(script_json(script_rest(line, 1)));
    int rc = readers[script_choice(line, script_word(line, 1), kinds)](json);
    if (rc != (strcmp(line->words[0], "read") == 0 ? 0 : ERR_SYNTAX))
        fail_msg("%s: \"%s\": %d", line->row, line->text, rc);
}

SCRIPT_VERB(do_wrong, "wrong")
{
    unsigned kind = script_choice(line, script_word(line, 1), kinds);
    const char *from = script_json(script_word(line, 2)), *at = strstr(good[kind], from);
    assert_non_null(at);
    char text[1024];
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good[kind]), good[kind],
             script_json(script_word(line, 3)), at + strlen(from));
    if (readers[kind](span_of(text)) != ERR_SYNTAX)
        fail_msg("%s: %s was read", line->row, text);
}

SCRIPT_VERB(do_grants, "grants")
{
    script_expect(line, script_word(line, 1), terms.by_buyer);
    script_expect(line, script_word(line, 2), terms.percent);
    script_expect(line, script_word(line, 3), terms.until_ms);
}

SCRIPT_VERB(do_refund, "refund")
{
    order.refund = script_number_at(line, 1);
    order.credit = order.refund == 0 && script_has(line, "credit");
    script_expect(line, script_word(line, 3), order_refund(&order, script_number_at(line, 2)));
}

SCRIPT_VERB(do_off, "off")
{
    static const char *const acts[] = {[ORDER_OFF_WAIT] = "wait",
                                       [ORDER_OFF_TURN_BACK] = "turn-back",
                                       [ORDER_OFF_REFUND] = "refund",
                                       [ORDER_OFF_CREDIT] = "credit",
                                       [ORDER_OFF_NONE] = "none"};
    enum order_status status = order_status_parse(span_of(script_word(line, 1)));
    const char *has = script_word(line, 2);
    bool is_moving = strcmp(has, "moving") == 0 || strcmp(has, "both") == 0;
    bool is_used = strcmp(has, "used") == 0 || strcmp(has, "both") == 0;
    assert_string_equal(script_word(line, 3), acts[order_off(status, is_moving, is_used)]);
}

static const struct script_row rows[] = {
    {"text_of_another_shape_is_not_read",
     "unread $a; unread $a {}; unread $a [] || order|move|terms"},
    {"order_with_an_invalid_member_is_not_read",
     "wrong order $a $b || 'o_1' ''|'o_1' 1|'o_1' '0123456789012345678901234567890123456789'|"
     "'gala' 1|'The-Gala' 1|'h_1' []|'42' 42|'s_1' null|'ko' 'kore'|'stripe' '0123456789012345'|"
     "'KRW' 'KRWX'|'pi_1' 1|'key' {}|'digest' 1|'terms':'terms' 'terms':true|"
     "'refund':1000 'refund':-1|'credit':2 'credit':-1|'credit':2 'credit':4294967296|'fees':100 "
     "'fees':'100'|'amount':3000 'amount':3000.5|"
     "1800000000000 -1|'key_round':2 'key_round':4294967296|'key_round':2 'key_round':-1|"
     "'old_key' 1|'check':2 'check':4|'check':2 'check':'2'|"
     "'A-2' 2|} ]"},
    {"order_of_a_later_program_is_read", "read order {'order':'o','later':true}"},
    {"move_is_read_with_all_its_seats_or_not_at_all",
     "wrong move $a $b || :1, :0,|:1, :-1,|:1, :4294967295,|:1, :'1',|'A-1' ''|'A-1' 1|'B-1' ''|"
     "'t_1' ''|'42' 42|'ko' 'kore'|'ko'} 'ko'},1|{'move' [{'move'"},
    {"move_without_seats_is_not_read", "unread move {'move':1,'moves':[]}"},
    {"credit_may_give_no_seats_back_and_keeps_some",
     "read move {'move':1,'moves':[],'kept':2}; unread move {'move':1,'moves':[],'kept':101}; "
     "unread move {'move':1,'moves':[],'kept':-1}"},
    {"refund_terms_are_read_whole",
     "read terms {'by':'$a','percent':$b$c}; grants $d $b $e || "
     "buyer 90 ,'handed_on':true 1 0|operator 0 ,'handed_on':false 0 0|"
     "buyer 100 ,'until':'2027-05-01T10:00:00.000Z' 1 1809165600000"},
    {"invalid_refund_terms_are_refused",
     "wrong terms 90 $a || 101|-1|90,'until':'soon'|101,'until':'soon'|"
     "90,'until':'2027-05-01T10:00:00.000Z,in_the_evening_of_that_day'"},
    {"refund_returns_its_part_and_at_most_the_captured_sum",
     "refund $a $b $c || 0 3000 3000|1000 3000 1000|1000 1001 1000|1000 1000 1000|1000 999 999; "
     "refund 0 3000 0 credit"},
    {"order_of_a_cancelled_event_is_turned_back_refunded_or_waited_for",
     "off $a $b $c || pending_payment - turn-back|confirming - turn-back|completed - refund|"
     "completed used credit|completed moving wait|completed both wait|cancelled - none|"
     "expired - none|failed - none|refunding used wait|refunded - none|parked - wait"},
};

/* ---- memory that runs out ---- */

/* An unreadable order is parked, unreadable terms allow no refund. Lack of memory passes. */
TEST_CASE(stored_text_is_not_called_unreadable_for_lack_of_memory)
{
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        unsigned nth = 0;
        int rc;
        do {
            scarce_nth(nth++);
            rc = readers[i](span_of(good[i]));
            assert_int_equal(rc, scarce_end() ? ERR_NOMEM : 0);
        } while (rc < 0);
        assert_true(nth > 5);
    }
}

TEST_CASE(order_is_stored_whole_even_when_memory_runs_out)
{
    static struct order bare = {.id = "o_2", .seats_len = 1, .seats = {"row \"1\""}};
    const struct order *const orders[] = {&whole, &bare};
    for (unsigned i = 0; i < 2; i++) {
        bool lacking = true;
        for (unsigned nth = 0; lacking; nth++) {
            char *json = NULL;
            scarce_nth(nth);
            int rc = order_dump(orders[i], NULL, &json);
            lacking = scarce_end();
            assert_int_equal(rc, json != NULL ? 0 : ERR_NOMEM);
            assert_true(json != NULL || lacking);
            if (json == NULL)
                continue;
            memset(&order, 0, sizeof(order)); /* seats beyond its own are left as they were */
            assert_int_equal(read_order(span_of(json)), 0);
            assert_memory_equal(&order, orders[i], sizeof(order));
            free(json);
        }
    }
}

/* ---- bounds and fields ---- */

TEST_CASE(members_of_a_move_keep_their_own_values)
{
    const char *json = "{'move':4294967294,'moves':[" SEAT("A-1") "," SEAT("A-2") "]}";
    assert_int_equal(read_move(span_of(script_json(json))), 0);
    assert_int_equal(moving.number, UINT32_MAX - 1);
    assert_int_equal(moving.len, 2);
    assert_string_equal(moving.seats[0].from, "A-1");
    assert_string_equal(moving.seats[1].from, "A-2");
    assert_string_equal(moving.seats[1].to, "B-1");
    assert_string_equal(moving.seats[1].ticket, "t_1");
    assert_string_equal(moving.seats[1].member, "42");
    assert_string_equal(moving.seats[1].lang, "ko");
}

/* Reads a text with `count` copies of `each` between head and tail. */
static int read_many(int (*read)(struct span json), const char *head, const char *each, int count)
{
    static char json[ORDER_SEATS_MAX * 128];
    int len = snprintf(json, sizeof(json), "%s", script_json(head));
    for (int i = 0; i < count; i++)
        len += snprintf(json + len, sizeof(json) - (size_t)len, "%s%s", i > 0 ? "," : "",
                        script_json(each));
    snprintf(json + len, 8, "]}");
    return read(span_of(json));
}

TEST_CASE(seats_are_bounded_in_number_and_length)
{
    static const char one_order[] = "{'order':'o','seats':[", one_move[] = "{'move':1,'moves':[";
    static const char one_credit[] = "{'move':1,'kept':1,'moves':[";
    char seat[ORDER_SEAT_MAX + 3] = "'", area[ORDER_SEAT_MAX], out[ORDER_SEAT_MAX];
    for (int more = 0; more < 2; more++) {
        memset(seat + 1, 'A', ORDER_SEAT_MAX);
        snprintf(seat + ORDER_SEAT_MAX + more, 2, "'");
        assert_int_equal(read_many(read_order, one_order, seat, 1) < 0, more);
        assert_int_equal(read_many(read_order, one_order, "'A'", ORDER_SEATS_MAX + more) < 0, more);
        assert_int_equal(read_many(read_move, one_move, SEAT("A-1"), MOVING_SEATS_MAX + more) < 0,
                         more);
        assert_int_equal(read_many(read_move, one_credit, SEAT("A-1"), ORDER_SEATS_MAX + more) < 0,
                         more);
    }
    assert_true(order_area_seat("pit", 1024, out)); /* a place in an area has its number */
    assert_string_equal(out, "pit#1024");
    memset(area, 'a', sizeof(area));
    area[ORDER_SEAT_MAX - 3] = '\0';
    assert_true(order_area_seat(area, 9, out));
    assert_false(order_area_seat(area, 10, out));
}

TEST_CASE(every_status_is_parsed_from_its_name)
{
    for (unsigned status = 0; status < ORDER_STATUS_COUNT; status++) {
        const char *name = order_status_name((enum order_status)status);
        assert_int_equal(order_status_parse(span_of(name)), status);
    }
    assert_int_equal(order_status_parse(SPAN("lost")), ORDER_PARKED);
}

UNIT_ONCE(write_good_texts, NULL)
SCRIPT_TESTS(rows, script_verbs)
