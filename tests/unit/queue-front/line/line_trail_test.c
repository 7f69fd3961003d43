/* line_trail_test.c: the audit trail and the series as JSON, from Redis's replies. */
#include "line/line_store.h"
#include "line/line_trail.h"

#include "resp_reply.h"

static void assert_rows(bool (*render)(const redisReply *, struct text *), const char *resp,
                        const char *want)
{
    struct text rows;
    redisReply *reply = resp_reply(span_of(resp));
    assert_true(render(reply, &rows));
    assert_false(rows.overflown);
    assert_span(text_span(&rows), want);
    free(rows.ptr);
    freeReplyObject(reply);
}

/* Reads the series, then writes its samples as JSON without their brackets. */
static bool samples(const redisReply *reply, struct text *out)
{
    struct text raw;
    assert_true(line_trail_series(reply, &raw));
    struct span inside = {raw.ptr + 1, raw.len - 2};
    size_t len = line_store_samples_len(inside);
    *out = text_on(malloc(len + 2), len + 2);
    json_open(out, '[');
    line_store_samples(inside, out);
    json_close(out, ']');
    free(raw.ptr);
    return true;
}

#define ENTRY(id, len, json)                                                                       \
    "*2\r\n$" id "\r\n*4\r\n$1\r\na\r\n$" len "\r\n" json "\r\n$1\r\nv\r\n$1\r\n7\r\n"

TEST_CASE(an_entry_gets_its_time_and_version_in_front)
{
    assert_rows(line_trail_audit, "*1\r\n" ENTRY("15\r\n1700000000123-0", "11", "{\"who\":\"a\"}"),
                "[{\"at\":\"2023-11-14T22:13:20.123Z\",\"version\":7,\"who\":\"a\"}]");
}

TEST_CASE(an_empty_entry_and_an_empty_trail_are_valid_json)
{
    assert_rows(line_trail_audit, "*0\r\n", "[]");
    assert_rows(line_trail_series, "*0\r\n", "[]");
    assert_rows(samples, "*0\r\n", "[]");
    assert_rows(line_trail_audit,
                "*2\r\n" ENTRY("15\r\n1700000000123-0", "2", "{}")
                    ENTRY("15\r\n1700000000123-0", "11", "{\"who\":\"a\"}"),
                "[{\"at\":\"2023-11-14T22:13:20.123Z\",\"version\":7},"
                "{\"at\":\"2023-11-14T22:13:20.123Z\",\"version\":7,\"who\":\"a\"}]");
}

TEST_CASE(an_entry_that_is_no_object_is_left_out)
{
    assert_rows(line_trail_audit, "*1\r\n" ENTRY("15\r\n1700000000123-0", "2", "[]"), "[]");
    assert_rows(line_trail_audit, "*1\r\n" ENTRY("3\r\nx-0", "2", "{}"), "[]");
    assert_rows(line_trail_audit, "*2\r\n:1\r\n*1\r\n$1\r\na\r\n", "[]");
}

TEST_CASE(a_sample_is_an_object_with_names)
{
    assert_rows(
        samples,
        "*3\r\n$66\r\n1700000000000:9:8:7:6:5:4:3:2500:875:20:18:1500:70:63:900:12:350:2\r\n"
        "$32\r\n1700000000000:9:8:7:6:5:4:3:2500\r\n$3\r\n1:2\r\n",
        "[{\"at\":\"2023-11-14T22:13:20.000Z\",\"issued\":9,\"serving\":8,\"waiting\":7,"
        "\"active\":6,\"outstanding\":5,\"admitted\":4,\"no_shows\":3,\"rate_per_s\":2.5,"
        "\"show_up\":0.875,\"eta_join\":{\"judged\":20,\"kept\":18,\"error_sum\":1.5},"
        "\"eta_way\":{\"judged\":70,\"kept\":63,\"error_sum\":0.9},\"errors\":12,"
        "\"late_ms\":350,\"joined\":7}]");
}
