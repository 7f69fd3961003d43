/* rfc3339_test.c: the calendar against the C library's, and the grammar at its edges. */
#include "unit.h"

#include "base/rfc3339.h"

#include <stdio.h>
#include <time.h>

static void check(const char *text, uint64_t want_ms)
{
    uint64_t ms = 42;
    if (!rfc3339_parse(span_of(text), &ms))
        fail_msg("\"%s\" was refused", text);
    assert_int_equal(want_ms, ms);
}

static void times_are_read(void **state)
{
    (void)state;
    check("1970-01-01T00:00:00Z", 0);
    check("1970-01-01T00:00:00.001Z", 1);
    check("2026-11-20T07:32:33.5Z", 1795159953500);
    check("2026-11-20T07:32:33.123456789Z", 1795159953123);
    check("2026-11-20t07:32:33z", 1795159953000);
    check("2026-11-20T16:32:33+09:00", 1795159953000);
    check("2026-11-20T03:02:33-04:30", 1795159953000);
    check("1969-12-31T23:30:00-00:30", 0);
    check("2024-02-29T00:00:00Z", 1709164800000);
    check("2000-02-29T00:00:00Z", 951782400000);
    check("9999-12-31T23:59:59.999Z", RFC3339_MS_MAX);
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2026-11-20",
                                      "2026-11-20T07:32:33",
                                      "2026-11-20 07:32:33Z",
                                      "2026-11-20T07:32Z",
                                      "2026-11-20T07:32:33.Z",
                                      "2026-11-20T07:32:33.1234567890Z",
                                      "2026-11-20T07:32:33,5Z",
                                      "2026-13-20T07:32:33Z",
                                      "2026-00-20T07:32:33Z",
                                      "2026-11-31T07:32:33Z",
                                      "2026-11-00T07:32:33Z",
                                      "2025-02-29T00:00:00Z",
                                      "2100-02-29T00:00:00Z",
                                      "2026-11-20T24:00:00Z",
                                      "2026-11-20T07:60:00Z",
                                      "2026-12-31T23:59:60Z",
                                      "2026-11-20T07:32:33+0900",
                                      "2026-11-20T07:32:33+24:00",
                                      "2026-11-20T07:32:33+09:60",
                                      "2026-11-20T07:32:33+09",
                                      "2026-11-20T07:32:33ZZ",
                                      "2026-11-20T07:32:33Z ",
                                      " 2026-11-20T07:32:33Z",
                                      "+026-11-20T07:32:33Z",
                                      "1969-12-31T23:59:59Z",
                                      "1970-01-01T00:00:00+00:01",
                                      "9999-12-31T23:59:59-00:01",
                                      "26-11-20T07:32:33Z"};
    uint64_t ms = 42;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (rfc3339_parse(span_of(bad[i]), &ms))
            fail_msg("\"%s\" was taken", bad[i]);
    }
    assert_int_equal(42, ms);
}

static void written_as_the_c_library_would(uint64_t ms)
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

static void what_is_written_is_what_the_c_library_would_write(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned round = 0; round < 50000; round++)
        written_as_the_c_library_would(rng_below(&rng.rng, RFC3339_MS_MAX + 1));
}

/* Of four hundred years, after which the calendar begins again, and of the last. */
static void every_month_begins_and_ends_when_it_should(void **state)
{
    (void)state;
    for (int year = 1970; year <= 9999; year = year == 2400 ? 9999 : year + 1)
        for (int month = 0; month < 12; month++) {
            struct tm first = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = 1};
            uint64_t ms = (uint64_t)timegm(&first) * 1000;
            written_as_the_c_library_would(ms);
            if (ms > 0)
                written_as_the_c_library_would(ms - 1);
        }
}

static void noise_is_survived(void **state)
{
    (void)state;
    struct rng_seeded rng;
    rng_seeded_init(&rng, unit_seed());
    for (unsigned round = 0; round < 50000; round++) {
        char in[64];
        size_t len = unit_mutate(&rng.rng, SPAN("2026-11-20T16:32:33.125+09:00"), in, sizeof(in));
        uint64_t ms;
        if (rfc3339_parse((struct span){in, len}, &ms))
            assert_true(ms <= RFC3339_MS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(what_is_written_is_what_the_c_library_would_write),
        cmocka_unit_test(every_month_begins_and_ends_when_it_should),
        cmocka_unit_test(noise_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
