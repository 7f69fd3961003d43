/* shown_test.c: how a wait is rounded, and what it advises. */
#include "core/wait/shown.h"
#include "unit.h"

TEST_CASE(a_wait_is_shown_as_a_number_an_advice_and_three_times)
{
    enum { NOW_S = 20 * 3600 + 10 }; /* 20:00:10 */
    static const struct {
        const char *name;
        uint32_t p50_s, p90_s;
        enum shown_advice advice;
        uint32_t minutes, hours, days;
        uint32_t back, likely, latest; /* 2012 is 20:12; 0: none */
    } rows[] = {
        {"fourteen minutes", 840, 960, SHOWN_BACK, 14, 0, 0, 2012, 2014, 2017},
        {"at once", 0, 0, SHOWN_NEAR, 1, 0, 0, 0, 2000, 2001},
        {"half a minute up", 90, 150, SHOWN_NEAR, 2, 0, 0, 0, 2002, 2003},
        {"no longer near", 180, 180, SHOWN_BACK, 3, 0, 0, 2003, 2003, 2004},
        {"it may come sooner", 1200, 2300, SHOWN_UNSURE, 20, 0, 0, 0, 2020, 2039},
        {"far: to five minutes", 3000, 3180, SHOWN_BACK, 50, 0, 0, 2045, 2050, 2054},
        {"just below two hours", 7169, 7169, SHOWN_BACK, 119, 0, 0, 2155, 2200, 2200},
        {"hours", 7170, 7170, SHOWN_BACK, 0, 2, 0, 2155, 2200, 2200},
        {"a day, perhaps", 50000, 86400, SHOWN_BACK, 0, 14, 0, 2345, 0, 0},
        {"two days", 150000, 160000, SHOWN_LATER, 0, 0, 2, 0, 0, 0},
        {"the longest", ETA_MAX_S, ETA_MAX_S, SHOWN_LATER, 0, 0, 7, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eta eta = {.basis = ETA_KNOBS, .p50_s = rows[i].p50_s, .p90_s = rows[i].p90_s};
        struct shown shown = shown_wait(eta, (uint64_t)NOW_S * 1000);
        uint64_t times[] = {shown.back_ms, shown.likely_ms, shown.latest_ms};
        for (unsigned n = 0; n < 3; n++) {
            assert_int_equal(times[n] % 60000, 0);
            times[n] = times[n] / 3600000 * 100 + times[n] / 60000 % 60;
        }
        if (shown.advice != rows[i].advice || shown.minutes != rows[i].minutes ||
            shown.hours != rows[i].hours || shown.days != rows[i].days ||
            times[0] != rows[i].back || times[1] != rows[i].likely || times[2] != rows[i].latest)
            fail_msg("%s: %s, %u min, %u h, %u d, %u %u %u", rows[i].name,
                     shown_advice_name(shown.advice), shown.minutes, shown.hours, shown.days,
                     (unsigned)times[0], (unsigned)times[1], (unsigned)times[2]);
    }
    struct shown none = shown_wait((struct eta){.basis = ETA_UNKNOWN}, 1);
    assert_int_equal(none.advice, SHOWN_UNKNOWN);
    assert_int_equal(none.minutes + none.hours + none.days + none.latest_ms, 0);
}
