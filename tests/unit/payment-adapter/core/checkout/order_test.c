/* order_test.c: orders, moves and refund terms as they are stored: read whole, or not at all. */
#include "base/json_in.h"
#include "core/checkout/moving.h"
#include "core/checkout/order.h"
#include "core/checkout/refund_terms.h"
#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct order order, read; /* big */
static struct moving moving;

static const struct order whole = {
    .id = "o_1",
    .event = "gala",
    .event_name = "The Gala",
    .hold = "h_1",
    .member = "42",
    .session = "s_1",
    .lang = "ko",
    .provider = "stripe",
    .currency = "KRW",
    .amount = 3000,
    .refund = 1000,
    .purchase = "digest",
    .fees = 100,
    .terms = "terms",
    .expires_ms = 1800000000000,
    .payment = "pi_1",
    .payment_key = "key",
    .key_round = 2,
    .seats_len = 2,
    .seats = {"A-1", "A-2"},
};

static void stored_order_is_read_back(void **state)
{
    (void)state;
    static struct order bare = {.id = "o_2", .seats_len = 1, .seats = {"row \"1\""}};
    const struct order *const orders[] = {&whole, &bare};
    for (unsigned i = 0; i < 2; i++) {
        char *json;
        assert_int_equal(order_dump(orders[i], NULL, &json), 0);
        assert_int_equal(order_parse(span_of(json), NULL, &read), 0);
        assert_memory_equal(&read, orders[i], sizeof(read));
        free(json);
    }
}

/* ---- memory that runs out ---- */

static unsigned allocations, fails_at;

static void *scarce(size_t size)
{
    if (allocations++ != fails_at)
        return malloc(size);
    errno = ENOMEM;
    return NULL;
}

static int read_order(struct span json)
{
    return order_parse(json, NULL, &read);
}

static int read_move(struct span json)
{
    return moving_parse(json, NULL, &moving);
}

static int read_terms(struct span json)
{
    struct refund_terms terms;
    return refund_terms_parse(json, &terms);
}

/* An unreadable order is parked, and unreadable terms offer no refund. Lack of memory passes. */
static void stored_text_is_not_called_unreadable_for_lack_of_memory(void **state)
{
    (void)state;
    static const struct {
        int (*read)(struct span json);
        const char *json;
    } rows[] = {
        {read_order, "{\"order\":\"o_1\",\"amount\":3000,\"seats\":[\"A-1\"]}"},
        {read_move, "{\"move\":1,\"moves\":[{\"from\":\"A-1\",\"to\":\"B-1\",\"ticket\":\"t_1\","
                    "\"member\":\"42\",\"lang\":\"ko\"}]}"},
        {read_terms, "{\"by\":\"buyer\",\"percent\":90,\"handed_on\":true}"},
    };
    json_in_allocate(scarce);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned nth = 0;
        int rc;
        do {
            allocations = 0;
            fails_at = nth++;
            rc = rows[i].read(span_of(rows[i].json));
            assert_int_equal(rc, allocations > fails_at ? ERR_NOMEM : 0);
        } while (rc < 0);
        fails_at = UINT_MAX;
        assert_true(nth > 5);
        assert_int_equal(rows[i].read(SPAN("{}")), ERR_SYNTAX);
        assert_int_equal(rows[i].read(SPAN("")), ERR_SYNTAX);
    }
    json_in_allocate(malloc);
}

static void memory_that_runs_out_loses_no_part_of_an_order(void **state)
{
    (void)state;
    int rc;
    json_in_allocate(scarce);
    for (unsigned nth = 0;; nth++) {
        char *json = NULL;
        struct err_slot err = {0};
        allocations = 0;
        fails_at = nth;
        rc = order_dump(&whole, &err, &json);
        fails_at = UINT_MAX;
        if (rc == 0) {
            assert_int_equal(order_parse(span_of(json), NULL, &read), 0);
            assert_memory_equal(&read, &whole, sizeof(read));
            free(json);
        } else {
            assert_int_equal(rc, ERR_NOMEM);
            assert_null(json);
        }
        if (allocations <= nth) /* it did without so many */
            break;
    }
    json_in_allocate(malloc);
    assert_int_equal(rc, 0);
}

/* ---- what a database may hold ---- */

#define SEAT(FROM)                                                                                 \
    "{\"from\":\"" FROM "\",\"to\":\"B-1\",\"ticket\":\"t_1\",\"member\":\"42\",\"lang\":\"ko\"}"

struct exchange {
    const char *from, *to;
};

/* Each exchange in the good text makes it unreadable. */
static void expect_unread(int (*parse)(struct span json), const char *good,
                          const struct exchange *wrong, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char *at = strstr(good, wrong[i].from);
        assert_non_null(at);
        char text[1024];
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, wrong[i].to,
                 at + strlen(wrong[i].from));
        if (parse(span_of(text)) != ERR_SYNTAX)
            fail_msg("%s was read", text);
    }
}

static void order_with_an_invalid_member_is_not_read(void **state)
{
    (void)state;
    static const struct exchange wrong[] = {
        {"\"o_1\"", "\"\""},
        {"\"o_1\"", "1"},
        {"\"o_1\"", "\"0123456789012345678901234567890123456789\""},
        {"\"gala\"", "1"},
        {"\"The Gala\"", "1"},
        {"\"h_1\"", "[]"},
        {"\"42\"", "42"},
        {"\"s_1\"", "null"},
        {"\"ko\"", "\"kore\""},
        {"\"stripe\"", "\"0123456789012345\""},
        {"\"KRW\"", "\"KRWX\""},
        {"\"pi_1\"", "1"},
        {"\"key\"", "{}"},
        {"\"digest\"", "1"},
        {"\"terms\":\"terms\"", "\"terms\":true"},
        {"\"refund\":1000", "\"refund\":-1"},
        {"\"fees\":100", "\"fees\":\"100\""},
        {"\"amount\":3000", "\"amount\":3000.5"},
        {"1800000000000", "-1"},
        {"\"key_round\":2", "\"key_round\":4294967296"},
        {"\"key_round\":2", "\"key_round\":-1"},
        {"\"A-2\"", "2"},
        {"}", ""},
    };
    char *json;
    assert_int_equal(order_dump(&whole, NULL, &json), 0);
    expect_unread(read_order, json, wrong, sizeof(wrong) / sizeof(wrong[0]));
    free(json);
    assert_int_equal(read_order(SPAN("[]")), ERR_SYNTAX);
    assert_int_equal(read_order(SPAN("{\"order\":\"o\",\"later\":true}")), 0);
}

static void move_is_read_with_all_its_seats_or_not_at_all(void **state)
{
    (void)state;
    static const char good[] = "{\"move\":1,\"moves\":[" SEAT("A-1") "]}";
    static const struct exchange wrong[] = {
        {":1,", ":0,"},
        {":1,", ":-1,"},
        {":1,", ":4294967295,"},
        {":1,", ":\"1\","},
        {"\"A-1\"", "\"\""},
        {"\"A-1\"", "1"},
        {"\"B-1\"", "\"\""},
        {"\"t_1\"", "\"\""},
        {"\"42\"", "42"},
        {"\"ko\"", "\"kore\""},
        {"\"ko\"}", "\"ko\"},1"},
        {SEAT("A-1"), ""},
        {"{\"move\"", "[\"move\""},
    };
    assert_int_equal(read_move(SPAN(good)), 0);
    expect_unread(read_move, good, wrong, sizeof(wrong) / sizeof(wrong[0]));
    assert_int_equal(
        read_move(SPAN("{\"move\":4294967294,\"moves\":[" SEAT("A-1") "," SEAT("A-2") "]}")), 0);
    assert_int_equal(moving.number, UINT32_MAX - 1);
    assert_int_equal(moving.len, 2);
    assert_string_equal(moving.seats[0].from, "A-1");
    assert_string_equal(moving.seats[1].from, "A-2");
    assert_string_equal(moving.seats[1].to, "B-1");
    assert_string_equal(moving.seats[1].ticket, "t_1");
    assert_string_equal(moving.seats[1].member, "42");
    assert_string_equal(moving.seats[1].lang, "ko");
}

/* Reads a text with so many of these between head and tail. */
static int read_many(int (*parse)(struct span json), const char *head, const char *each, int count)
{
    static char json[MOVING_SEATS_MAX * 128 + ORDER_SEATS_MAX * 8];
    int len = snprintf(json, sizeof(json), "%s", head);
    for (int i = 0; i < count; i++)
        len += snprintf(json + len, sizeof(json) - (size_t)len, "%s%s", i > 0 ? "," : "", each);
    snprintf(json + len, 8, "]}");
    return parse(span_of(json));
}

static void seats_are_bounded_in_number_and_length(void **state)
{
    (void)state;
    char seat[ORDER_SEAT_MAX + 3] = "\"", area[ORDER_SEAT_MAX], out[ORDER_SEAT_MAX];
    for (int more = 0; more < 2; more++) {
        memset(seat + 1, 'A', ORDER_SEAT_MAX);
        snprintf(seat + ORDER_SEAT_MAX + more, 2, "\"");
        assert_int_equal(read_many(read_order, "{\"order\":\"o\",\"seats\":[", seat, 1) < 0, more);
        assert_int_equal(read_many(read_order, "{\"order\":\"o\",\"seats\":[", "\"A\"",
                                   ORDER_SEATS_MAX + more) < 0,
                         more);
        assert_int_equal(read_many(read_move, "{\"move\":1,\"moves\":[", SEAT("A-1"),
                                   MOVING_SEATS_MAX + more) < 0,
                         more);
    }
    assert_true(order_area_seat("pit", 1024, out)); /* a place in an area has its number */
    assert_string_equal(out, "pit#1024");
    memset(area, 'a', sizeof(area));
    area[ORDER_SEAT_MAX - 3] = '\0';
    assert_true(order_area_seat(area, 9, out));
    assert_false(order_area_seat(area, 10, out));
}

static void every_status_is_known_by_its_name(void **state)
{
    (void)state;
    for (unsigned status = 0; status < ORDER_STATUS_COUNT; status++) {
        const char *name = order_status_name((enum order_status)status);
        assert_int_equal(order_status_parse(span_of(name)), status);
    }
    assert_int_equal(order_status_parse(SPAN("lost")), ORDER_PARKED);
}

static void refund_returns_its_part_and_at_most_the_captured_sum(void **state)
{
    (void)state;
    static const uint64_t rows[][3] = {/* asked for (0: all), captured, returned */
                                       {0, 3000, 3000},
                                       {1000, 3000, 1000},
                                       {1000, 1001, 1000},
                                       {1000, 1000, 1000},
                                       {1000, 999, 999}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        order.refund = rows[i][0];
        assert_int_equal(order_refund(&order, rows[i][1]), rows[i][2]);
    }
}

static void refund_terms_are_read_whole_or_refused(void **state)
{
    (void)state;
#define TERMS(BY, PERCENT) "{\"by\":\"" BY "\",\"percent\":" PERCENT ",\"handed_on\":true"
    static const struct {
        const char *json;
        int rc;
        bool by_buyer;
        uint32_t percent;
        uint64_t until_ms;
    } cases[] = {
        {TERMS("buyer", "90") "}", 0, true, 90, 0},
        {TERMS("operator", "0") "}", 0, false, 0, 0},
        {TERMS("buyer", "100") ",\"until\":\"2027-05-01T10:00:00.000Z\"}", 0, true, 100,
         1809165600000},
        {TERMS("buyer", "101") "}", ERR_SYNTAX, false, 0, 0},
        {TERMS("buyer", "-1") "}", ERR_SYNTAX, false, 0, 0},
        {TERMS("buyer", "90") ",\"until\":\"soon\"}", ERR_SYNTAX, false, 0, 0},
        {TERMS("buyer", "101") ",\"until\":\"soon\"}", ERR_SYNTAX, false, 0, 0},
        {TERMS("buyer",
               "90") ",\"until\":\"2027-05-01T10:00:00.000Z, in the evening of that day\"}",
         ERR_SYNTAX, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct refund_terms terms = {0};
        assert_int_equal(refund_terms_parse(span_of(cases[i].json), &terms), cases[i].rc);
        if (cases[i].rc < 0)
            continue;
        assert_int_equal(terms.by_buyer, cases[i].by_buyer);
        assert_int_equal(terms.percent, cases[i].percent);
        assert_int_equal(terms.until_ms, cases[i].until_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_order_is_read_back),
        cmocka_unit_test(stored_text_is_not_called_unreadable_for_lack_of_memory),
        cmocka_unit_test(memory_that_runs_out_loses_no_part_of_an_order),
        cmocka_unit_test(order_with_an_invalid_member_is_not_read),
        cmocka_unit_test(move_is_read_with_all_its_seats_or_not_at_all),
        cmocka_unit_test(seats_are_bounded_in_number_and_length),
        cmocka_unit_test(every_status_is_known_by_its_name),
        cmocka_unit_test(refund_returns_its_part_and_at_most_the_captured_sum),
        cmocka_unit_test(refund_terms_are_read_whole_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
