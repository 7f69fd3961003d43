/* order_test.c: an order and a move as a saga keeps them: whole, or not at all. */
#include "base/json_in.h"
#include "core/checkout/moving.h"
#include "core/checkout/order.h"
#include "core/checkout/refund_terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
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

/* An order is parked, a refund not offered, where nobody can read what is kept; memory comes back.
 */
static void stored_text_is_not_called_unreadable_for_want_of_memory(void **state)
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

/* `text` with the first `from` in it exchanged. */
static char *exchanged(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    char *copy = malloc(strlen(text) + strlen(to) + 1);
    sprintf(copy, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return copy;
}

static void order_with_an_invalid_member_is_not_read(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } wrong[] = {
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
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char *text = exchanged(json, wrong[i].from, wrong[i].to);
        struct err_slot err = {0};
        if (order_parse(span_of(text), &err, &read) != ERR_SYNTAX)
            fail_msg("%s was read", text);
        free(text);
    }
    free(json);
    assert_int_equal(order_parse(SPAN("[]"), NULL, &read), ERR_SYNTAX);
    assert_int_equal(order_parse(SPAN("{\"order\":\"o\",\"later\":true}"), NULL, &read), 0);
}

static void name_and_number_of_seats_are_bounded(void **state)
{
    (void)state;
    char seat[ORDER_SEAT_MAX + 1], json[2 * ORDER_SEAT_MAX];
    memset(seat, 'A', ORDER_SEAT_MAX);
    seat[ORDER_SEAT_MAX] = '\0';
    for (unsigned over = 0; over < 2; over++) {
        snprintf(json, sizeof(json), "{\"order\":\"o\",\"seats\":[\"%s\"]}", seat + 1 - over);
        assert_int_equal(order_parse(span_of(json), NULL, &read) < 0, over);
    }
    static char many[ORDER_SEATS_MAX * 8 + 64];
    for (int more = 0; more < 2; more++) {
        int len = snprintf(many, 64, "{\"order\":\"o\",\"seats\":[\"A\"");
        for (int i = 1; i < ORDER_SEATS_MAX + more; i++)
            len += snprintf(many + len, 8, ",\"A\"");
        snprintf(many + len, 8, "]}");
        assert_int_equal(order_parse(span_of(many), NULL, &read) < 0, more);
    }
}

static void place_in_an_area_has_its_number_if_that_fits(void **state)
{
    (void)state;
    char out[ORDER_SEAT_MAX], area[ORDER_SEAT_MAX];
    assert_true(order_area_seat("pit", 1024, out));
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
    assert_int_equal(order_refund(&order, 3000), 3000);
    order.refund = 1000;
    assert_int_equal(order_refund(&order, 3000), 1000);
    assert_int_equal(order_refund(&order, 1001), 1000);
    assert_int_equal(order_refund(&order, 1000), 1000);
    assert_int_equal(order_refund(&order, 999), 999);
    order.refund = 0;
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

/* ---- moves ---- */

#define SEAT(from)                                                                                 \
    "{\"from\":\"" from "\",\"to\":\"B-1\",\"ticket\":\"t_1\",\"member\":\"42\",\"lang\":\"ko\"}"

static void a_move_is_read_with_all_its_seats(void **state)
{
    (void)state;
    assert_int_equal(moving_parse(SPAN("{\"move\":4294967294,\"moves\":[" SEAT("A-1") "," //
                                       SEAT("A-2") "]}"),
                                  NULL, &moving),
                     0);
    assert_int_equal(moving.number, UINT32_MAX - 1);
    assert_int_equal(moving.len, 2);
    assert_string_equal(moving.seats[0].from, "A-1");
    assert_string_equal(moving.seats[1].from, "A-2");
    assert_string_equal(moving.seats[1].to, "B-1");
    assert_string_equal(moving.seats[1].ticket, "t_1");
    assert_string_equal(moving.seats[1].member, "42");
    assert_string_equal(moving.seats[1].lang, "ko");
}

static void move_with_an_invalid_seat_is_not_read(void **state)
{
    (void)state;
    static const char good[] = "{\"move\":1,\"moves\":[" SEAT("A-1") "]}";
    static const struct {
        const char *from, *to;
    } wrong[] = {
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
    assert_int_equal(moving_parse(SPAN(good), NULL, &moving), 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char *text = exchanged(good, wrong[i].from, wrong[i].to);
        if (moving_parse(span_of(text), NULL, &moving) != ERR_SYNTAX)
            fail_msg("%s was read", text);
        free(text);
    }
}

static void a_move_of_more_seats_than_fit_is_not_read(void **state)
{
    (void)state;
    static char json[MOVING_SEATS_MAX * 128 + 256];
    for (int more = 0; more < 2; more++) {
        int len = snprintf(json, 64, "{\"move\":1,\"moves\":[");
        for (int i = 0; i < MOVING_SEATS_MAX + more; i++)
            len += snprintf(json + len, 128, "%s" SEAT("A-1"), i > 0 ? "," : "");
        snprintf(json + len, 8, "]}");
        assert_int_equal(moving_parse(span_of(json), NULL, &moving) < 0, more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_order_is_read_back),
        cmocka_unit_test(memory_that_runs_out_loses_no_part_of_an_order),
        cmocka_unit_test(stored_text_is_not_called_unreadable_for_want_of_memory),
        cmocka_unit_test(order_with_an_invalid_member_is_not_read),
        cmocka_unit_test(name_and_number_of_seats_are_bounded),
        cmocka_unit_test(place_in_an_area_has_its_number_if_that_fits),
        cmocka_unit_test(every_status_is_known_by_its_name),
        cmocka_unit_test(refund_returns_its_part_and_at_most_the_captured_sum),
        cmocka_unit_test(refund_terms_are_read_whole_or_refused),
        cmocka_unit_test(a_move_is_read_with_all_its_seats),
        cmocka_unit_test(move_with_an_invalid_seat_is_not_read),
        cmocka_unit_test(a_move_of_more_seats_than_fit_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
