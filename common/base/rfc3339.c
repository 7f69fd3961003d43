/* rfc3339.c: computes the calendar itself instead of using timegm() and strftime(), which depend on
 * locales and struct tm and cost a microsecond per log line.
 *
 * Days are counted from 1970 in the proleptic Gregorian calendar. A year begins in March here, so
 * that the leap day is its last and every month's first day follows from one formula. */
#include "base/rfc3339.h"

#include <assert.h>

enum {
    MS_PER_DAY = 86400000,
    DAYS_PER_ERA = 146097, /* 400 years, after which the calendar repeats */
    DAYS_TO_1970 = 719468, /* since March 1 of the year 0 */
};

int64_t rfc3339_days(unsigned year, unsigned month, unsigned day)
{
    unsigned march_year = year - (month <= 2 ? 1 : 0);
    unsigned march_month = (month + 9) % 12; /* March is 0 */
    unsigned day_of_year = (153 * march_month + 2) / 5 + day - 1;
    unsigned year_of_era = march_year % 400;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)(march_year / 400) * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    assert(month >= 1 && month <= 12);
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Takes exactly `digits` digits off the front. */
static bool take_number(struct span *text, size_t digits, unsigned *out)
{
    uint64_t value;
    if (text->len < digits || !span_u64((struct span){text->ptr, digits}, UINT32_MAX, &value))
        return false;
    *out = (unsigned)value;
    *text = span_skip(*text, digits);
    return true;
}

/* Takes one character off the front; letters in either case. */
static bool take_char(struct span *text, char c)
{
    if (text->len == 0 || !span_eq_nocase((struct span){text->ptr, 1}, (struct span){&c, 1}))
        return false;
    *text = span_skip(*text, 1);
    return true;
}

static bool take_fraction(struct span *text, unsigned *ms)
{
    *ms = 0;
    if (!take_char(text, '.'))
        return true;
    unsigned digits = 0;
    for (; text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9'; digits++) {
        if (digits < 3)
            *ms = *ms * 10 + (unsigned)(text->ptr[0] - '0');
        *text = span_skip(*text, 1);
    }
    for (unsigned i = digits; i < 3; i++)
        *ms *= 10;
    return digits >= 1 && digits <= 9;
}

/* The zone, as minutes that local time is ahead of UTC. */
static bool take_offset(struct span *text, int *ahead_min)
{
    *ahead_min = 0;
    if (take_char(text, 'Z'))
        return true;
    int sign = text->len > 0 && text->ptr[0] == '-' ? -1 : 1;
    unsigned hour, minute;
    if ((!take_char(text, '+') && !take_char(text, '-')) || !take_number(text, 2, &hour) ||
        !take_char(text, ':') || !take_number(text, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *ahead_min = sign * (int)(hour * 60 + minute);
    return true;
}

bool rfc3339_parse(struct span text, uint64_t *unix_ms)
{
    unsigned year, month, day, hour, minute, second, ms;
    int ahead_min;
    if (!take_number(&text, 4, &year) || !take_char(&text, '-') || !take_number(&text, 2, &month) ||
        !take_char(&text, '-') || !take_number(&text, 2, &day) || !take_char(&text, 'T') ||
        !take_number(&text, 2, &hour) || !take_char(&text, ':') ||
        !take_number(&text, 2, &minute) || !take_char(&text, ':') ||
        !take_number(&text, 2, &second) || !take_fraction(&text, &ms) ||
        !take_offset(&text, &ahead_min) || text.len > 0)
        return false;
    /* 1969 may still be 1970 in UTC. */
    if (year < 1969 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return false;

    int64_t at_ms = rfc3339_days(year, month, day) * MS_PER_DAY;
    at_ms += ((int64_t)hour * 60 + minute - ahead_min) * 60000 + (int64_t)second * 1000 + ms;
    if (at_ms < 0 || (uint64_t)at_ms > RFC3339_MS_MAX)
        return false;
    *unix_ms = (uint64_t)at_ms;
    return true;
}

static void put_two(char *at, unsigned value)
{
    assert(value < 100);
    at[0] = (char)('0' + value / 10);
    at[1] = (char)('0' + value % 10);
}

void rfc3339_put(struct text *text, uint64_t unix_ms)
{
    assert(unix_ms <= RFC3339_MS_MAX);
    unsigned year, month, day;
    uint64_t days = unix_ms / MS_PER_DAY;
    assert(days <= RFC3339_MS_MAX / MS_PER_DAY);
    uint64_t shifted = days + DAYS_TO_1970;
    unsigned era = (unsigned)(shifted / DAYS_PER_ERA);
    unsigned day_of_era = (unsigned)(shifted % DAYS_PER_ERA);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    day = day_of_year - (153 * march_month + 2) / 5 + 1;
    month = march_month < 10 ? march_month + 3 : march_month - 9;
    year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
    assert(month >= 1 && month <= 12 && day >= 1 && day <= 31);
    unsigned ms_of_day = (unsigned)(unix_ms % MS_PER_DAY);
    char out[] = "0000-00-00T00:00:00.000Z";
    static_assert(sizeof(out) - 1 == RFC3339_LEN, "the length that the header tells");
    put_two(out, year / 100);
    put_two(out + 2, year % 100);
    put_two(out + 5, month);
    put_two(out + 8, day);
    put_two(out + 11, ms_of_day / 3600000);
    put_two(out + 14, ms_of_day / 60000 % 60);
    put_two(out + 17, ms_of_day / 1000 % 60);
    put_two(out + 20, ms_of_day % 1000 / 10);
    out[22] = (char)('0' + ms_of_day % 10);
    text_add(text, out, RFC3339_LEN);
}
