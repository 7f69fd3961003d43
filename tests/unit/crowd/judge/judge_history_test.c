/* judge_history_test.c: the answers to visitors become a history, one line for each thing that
 * they asked. */
#include "judge/judge.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct judge_conf conf = {.gone_after_ms = 5000};

/* The lines of these records but for the first; each record is of visitor 0 if it names no other.
 */
static const char *history_of(const struct record *records, size_t len)
{
    static char text[4096];
    char path[] = "/tmp/history-XXXXXX";
    struct err_slot err;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(judge_history(records, len, &conf, path, &err), 0);
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    unlink(path);
    assert_true(got > 0);
    text[got] = '\0';
    char *line = strchr(text, '\n');
    assert_non_null(line);
    *line = '\0';
    assert_string_equal(text,
                        "{\"history\":1,\"of\":\"a crowd\",\"saga\":\"unseen\",\"lag_us\":2000000,"
                        "\"gone_after_us\":5000000}");
    return line + 1;
}

#define HISTORY(...)                                                                               \
    history_of((const struct record[]){__VA_ARGS__},                                               \
               sizeof((const struct record[]){__VA_ARGS__}) / sizeof(struct record))
#define RECORD(at_, kind_, value_, ...)                                                            \
    {                                                                                              \
        .at_us = (at_), .kind = (kind_), .value = (value_), __VA_ARGS__                            \
    }

static void a_hold_lasts_from_its_first_try_to_its_answer(void **state)
{
    (void)state;
    assert_string_equal(
        HISTORY(RECORD(100, RECORD_SENT, SENT_HOLD), RECORD(100, RECORD_WANT, 10),
                RECORD(200, RECORD_OTHER, 0, .took_us = 50),
                RECORD(300, RECORD_HOLD, 1, .took_us = 20), RECORD(300, RECORD_SEAT, 10),
                RECORD(300, RECORD_UNTIL, 900, .more = 7)),
        "{\"op\":\"hold\",\"by\":\"visitor-0\",\"from\":100,\"again\":true,"
        "\"wants\":[\"000000000000000a\"],"
        "\"seats\":[\"000000000000000a\"],\"hold\":\"0000000000000007\",\"until\":900,"
        "\"answer\":\"ok\",\"to\":300}\n");
}

static void delayed_hold_is_one_try_and_failed_hold_is_repeated(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *again;
    } tries[] = {
        {0, ",\"again\":true"}, {200, ",\"again\":true"}, {503, ",\"again\":true"}, {429, ""}};
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        char expected[256];
        snprintf(expected, sizeof(expected),
                 "{\"op\":\"hold\",\"by\":\"visitor-0\",\"from\":100%s,\"answer\":\"refused\","
                 "\"to\":300}\n"
                 "{\"op\":\"hold\",\"by\":\"visitor-0\",\"from\":400,\"answer\":\"refused\","
                 "\"to\":500}\n",
                 tries[i].again);
        assert_string_equal(
            HISTORY(RECORD(100, RECORD_SENT, SENT_HOLD),
                    RECORD(200, RECORD_OTHER, 0, .status = (uint16_t)tries[i].status),
                    RECORD(300, RECORD_OTHER, 0, .status = 409),
                    RECORD(400, RECORD_SENT, SENT_HOLD),
                    RECORD(500, RECORD_OTHER, 0, .status = 409)),
            expected);
    }
}

static void refusal_names_taken_seats_and_a_delay_is_no_refusal(void **state)
{
    (void)state;
    assert_string_equal(
        HISTORY(RECORD(100, RECORD_SENT, SENT_HOLD), RECORD(200, RECORD_OTHER, 0, .status = 429),
                RECORD(300, RECORD_TAKEN, 11, .status = 409),
                RECORD(300, RECORD_OTHER, 0, .status = 409), RECORD(400, RECORD_END, END_SOLD_OUT)),
        "{\"op\":\"hold\",\"by\":\"visitor-0\",\"from\":100,\"taken\":["
        "\"000000000000000b\"],\"answer\":\"refused\",\"to\":300}\n");
}

static void missing_answer_is_unknown(void **state)
{
    (void)state;
    assert_string_equal(
        HISTORY(RECORD(100, RECORD_SENT, SENT_HOLD), RECORD(200, RECORD_OTHER, 0),
                RECORD(300, RECORD_SENT, SENT_HOLD), RECORD(400, RECORD_HOLD, 0),
                RECORD(400, RECORD_UNTIL, 0, .more = 7), RECORD(500, RECORD_SENT, SENT_ORDER),
                RECORD(600, RECORD_END, END_FAILED)),
        "{\"op\":\"hold\",\"by\":\"visitor-0\",\"from\":100,\"answer\":\"unknown\"}\n"
        "{\"op\":\"hold\",\"by\":\"visitor-0\",\"from\":300,\"hold\":\"0000000000000007\","
        "\"answer\":\"ok\",\"to\":400}\n"
        "{\"op\":\"order\",\"by\":\"visitor-0\",\"from\":500,\"hold\":\"0000000000000007\","
        "\"answer\":\"unknown\"}\n");
}

static void an_order_is_paid_and_has_tickets(void **state)
{
    (void)state;
    assert_string_equal(
        HISTORY(RECORD(100, RECORD_SENT, SENT_ORDER),
                RECORD(200, RECORD_ORDER, 9900, .more = 8, .took_us = 10),
                RECORD(300, RECORD_PAID, 9900, .took_us = 10),
                RECORD(400, RECORD_TICKET, 1, .more = 8, .took_us = 10)),
        "{\"op\":\"order\",\"by\":\"visitor-0\",\"from\":100,\"hold\":\"0000000000000000\","
        "\"order\":\"0000000000000008\",\"amount\":9900,\"answer\":\"ok\",\"to\":200}\n"
        "{\"op\":\"paid\",\"by\":\"visitor-0\",\"from\":290,\"order\":\"0000000000000008\","
        "\"amount\":9900,\"answer\":\"ok\",\"to\":300}\n"
        "{\"op\":\"ticket\",\"by\":\"visitor-0\",\"from\":390,\"hold\":\"0000000000000000\","
        "\"order\":\"0000000000000008\",\"answer\":\"ok\",\"to\":400}\n");
}

static void seats_are_given_back_or_found_to_be_gone(void **state)
{
    (void)state;
    assert_string_equal(HISTORY(RECORD(100, RECORD_SENT, SENT_DROP),
                                RECORD(200, RECORD_STEP, 0, .status = 204),
                                RECORD(300, RECORD_GONE, GONE_HOLD, .took_us = 10),
                                RECORD(400, RECORD_GONE, GONE_CALL)),
                        "{\"op\":\"release\",\"by\":\"visitor-0\",\"from\":100,\"hold\":"
                        "\"0000000000000000\",\"answer\":\"ok\",\"to\":200}\n"
                        "{\"op\":\"gone\",\"by\":\"visitor-0\",\"from\":290,\"hold\":"
                        "\"0000000000000000\",\"answer\":\"ok\",\"to\":300}\n");
}

static void each_answer_of_the_line_is_one_row(void **state)
{
    (void)state;
    assert_string_equal(HISTORY(RECORD(100, RECORD_ENTRY, 3, .took_us = 10),
                                RECORD(200, RECORD_JOIN, 4, .visitor = 1, .took_us = 10),
                                RECORD(300, RECORD_WAIT, 4, .visitor = 1, .more = 2, .took_us = 10,
                                       .flags = RECORD_WAITING),
                                RECORD(400, RECORD_WAIT, 0, .took_us = 10),
                                RECORD(500, RECORD_PASS, 4, .visitor = 1, .took_us = 10)),
                        "{\"op\":\"join\",\"by\":\"visitor-0\",\"from\":90,\"entry\":3,\"answer\":"
                        "\"ok\",\"to\":100}\n"
                        "{\"op\":\"join\",\"by\":\"visitor-1\",\"from\":190,\"place\":4,\"answer\":"
                        "\"ok\",\"to\":200}\n"
                        "{\"op\":\"look\",\"by\":\"visitor-1\",\"from\":290,\"place\":4,\"ahead\":"
                        "2,\"waiting\":true,"
                        "\"stale\":false,\"answer\":\"ok\",\"to\":300}\n"
                        "{\"op\":\"enter\",\"by\":\"visitor-1\",\"from\":490,\"place\":4,"
                        "\"answer\":\"ok\",\"to\":500}\n");
}

static void file_that_cannot_be_written_is_reported(void **state)
{
    (void)state;
    struct err_slot err;
    struct record record = {.kind = RECORD_END};
    assert_int_equal(judge_history(&record, 1, &conf, "/nowhere/history", &err), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_lasts_from_its_first_try_to_its_answer),
        cmocka_unit_test(delayed_hold_is_one_try_and_failed_hold_is_repeated),
        cmocka_unit_test(refusal_names_taken_seats_and_a_delay_is_no_refusal),
        cmocka_unit_test(missing_answer_is_unknown),
        cmocka_unit_test(an_order_is_paid_and_has_tickets),
        cmocka_unit_test(seats_are_given_back_or_found_to_be_gone),
        cmocka_unit_test(each_answer_of_the_line_is_one_row),
        cmocka_unit_test(file_that_cannot_be_written_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
