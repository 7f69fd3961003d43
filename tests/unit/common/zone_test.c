/* zone_test.c: offsets of time zones at moments that were looked up by hand. */
#include "unit.h"

#include "base/rfc3339.h"
#include "sale/zone.h"

TEST_CASE(a_zone_has_its_offset_at_each_time)
{
    static const struct {
        const char *zone, *at, *name;
        int32_t east_s;
    } rows[] = {
        {"Asia/Seoul", "2027-06-12T10:00:00Z", "KST", 9 * 3600},
        {"UTC", "2027-06-12T10:00:00Z", "UTC", 0},
        {"Europe/Paris", "2027-03-28T00:59:59Z", "CET", 3600},
        {"Europe/Paris", "2027-03-28T01:00:00Z", "CEST", 2 * 3600},
        {"Europe/Paris", "2027-10-31T00:59:59Z", "CEST", 2 * 3600},
        {"Europe/Paris", "2027-10-31T01:00:00Z", "CET", 3600},
        {"America/New_York", "2028-03-12T06:59:59Z", "EST", -5 * 3600},
        {"America/New_York", "2028-03-12T07:00:00Z", "EDT", -4 * 3600},
        {"America/New_York", "2028-11-05T06:00:00Z", "EST", -5 * 3600},
        {"America/New_York", "2027-01-01T03:00:00Z", "EST", -5 * 3600},
        {"Australia/Sydney", "2027-01-15T10:00:00Z", "AEDT", 11 * 3600},
        {"Australia/Sydney", "2027-06-15T10:00:00Z", "AEST", 10 * 3600},
        {"Australia/Sydney", "2026-12-31T13:30:00Z", "AEDT", 11 * 3600},
        {"Asia/Kathmandu", "2027-06-12T10:00:00Z", "+0545", 5 * 3600 + 45 * 60},
        {"Europe/Dublin", "2027-07-01T10:00:00Z", "IST", 3600},
        {"Europe/Dublin", "2027-12-01T10:00:00Z", "GMT", 0},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t ms;
        struct zone_clock clock;
        assert_true(rfc3339_parse(span_of(rows[i].at), &ms));
        assert_true(zone_clock_at(span_of(rows[i].zone), ms, &clock));
        assert_string_equal(clock.name, rows[i].name);
        assert_int_equal(clock.east_s, rows[i].east_s);
    }
}

TEST_CASE(unknown_zones_are_refused)
{
    static const char *const names[] = {
        "",
        "KST",
        "Asia/Soul",
        "asia/seoul",
        "../etc/passwd",
        "Asia/Seoul ",
        "Asia/A_city_whose_name_is_longer_than_any_other",
    };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct zone_clock clock = {.east_s = 1};
        assert_false(zone_clock_at(span_of(names[i]), 0, &clock));
        assert_int_equal(clock.east_s, 1);
    }
}
