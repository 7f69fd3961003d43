/* rfc3339_test.c: the calendar compared with the C library's, and the edges of the grammar. */
#include "unit.h"

#include "base/rfc3339.h"

#include <time.h>

enum { NONE = 42 }; /* refused: nothing is written */

TEST_CASE(times_are_read_or_refused)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"2026-11-20T07:32:33.5Z", 1795159953500},
        {"2026-11-20T07:32:33.123456789Z", 1795159953123},
        {"2026-11-20t07:32:33z", 1795159953000},
        {"2026-11-20T16:32:33+09:00", 1795159953000},
        {"2026-11-20T03:02:33-04:30", 1795159953000},
        {"1969-12-31T23:30:00-00:30", 0},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"9999-12-31T23:59:59.999Z", RFC3339_MS_MAX},
        {"", NONE},
        {"2026-11-20", NONE},
        {"2026-11-20T07:32:33", NONE},
        {"2026-11-20 07:32:33Z", NONE},
        {"2026-11-20T07:32Z", NONE},
        {"2026-11-20T07:32:33.Z", NONE},
        {"2026-11-20T07:32:33.+09:00", NONE},
        {"2026-11-20T07:32:33.1234567890Z", NONE},
        {"2026-11-20T07:32:33,5Z", NONE},
        {"2026-13-20T07:32:33Z", NONE},
        {"2026-00-20T07:32:33Z", NONE},
        {"2026-11-31T07:32:33Z", NONE},
        {"2026-09-31T07:32:33Z", NONE},
        {"2026-06-31T07:32:33Z", NONE},
        {"2026-04-31T07:32:33Z", NONE},
        {"2026-11-00T07:32:33Z", NONE},
        {"2025-02-29T00:00:00Z", NONE},
        {"2100-02-29T00:00:00Z", NONE},
        {"2026-11-20T24:00:00Z", NONE},
        {"2026-11-20T07:60:00Z", NONE},
        {"2026-12-31T23:59:60Z", NONE},
        {"2026-11-20T07:32:33+0900", NONE},
        {"2026-11-20T07:32:33+24:00", NONE},
        {"2026-11-20T07:32:33+09:60", NONE},
        {"2026-11-20T07:32:33+09", NONE},
        {"2026-11-20T07:32:33ZZ", NONE},
        {"2026-11-20T07:32:33Z ", NONE},
        {" 2026-11-20T07:32:33Z", NONE},
        {"+026-11-20T07:32:33Z", NONE},
        {"1969-12-31T23:59:59Z", NONE},
        {"1968-12-31T23:59:59Z", NONE},
        {"1970-01-01T00:00:00+00:01", NONE},
        {"9999-12-31T23:59:59-00:01", NONE},
        {"26-11-20T07:32:33Z", NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t ms = NONE;
        bool good = rfc3339_parse(span_of(rows[i].text), &ms);
        if (good != (rows[i].ms != NONE) || ms != rows[i].ms)
            fail_msg("\"%s\" is read as %llu", rows[i].text, (unsigned long long)ms);
    }
}

TEST_CASE(a_time_that_is_cut_or_garbled_is_refused)
{
    char text[] = "2026-11-20T16:32:33.125+09:00";
    uint64_t ms = NONE;
    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        char was = text[at];
        text[at] = 'x';
        assert_false(rfc3339_parse((struct span){text, at}, &ms));
        assert_false(rfc3339_parse(span_of(text), &ms));
        text[at] = was;
    }
    assert_int_equal(NONE, ms);
}

static void write_as_the_c_library_does(uint64_t ms)
{
    char memory[RFC3339_LEN], want[64];
    struct text text = text_on(memory, sizeof(memory));
    rfc3339_put(&text, ms);
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t len = strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(want + len, sizeof(want) - len, ".%03uZ", (unsigned)(ms % 1000));
    assert_span(text_span(&text), want);
    uint64_t back;
    assert_true(rfc3339_parse(text_span(&text), &back));
    assert_int_equal(ms, back);
}

TEST_CASE(times_are_written_as_the_c_library_does)
{
    const struct rng *rng = unit_rng();
    for (unsigned round = 0; round < 50000; round++)
        write_as_the_c_library_does(rng_below(rng, RFC3339_MS_MAX + 1));
}

/* Covers four hundred years, after which the calendar repeats, and the last year. */
TEST_CASE(every_month_begins_and_ends_when_it_should)
{
    for (int year = 1970; year <= 9999; year = year == 2400 ? 9999 : year + 1)
        for (int month = 0; month < 12; month++) {
            struct tm first = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = 1};
            uint64_t ms = (uint64_t)timegm(&first) * 1000;
            write_as_the_c_library_does(ms);
            if (ms > 0)
                write_as_the_c_library_does(ms - 1);
        }
}
