/* zone.c: a zone has one clock, or two and the two changes of a year between them, in the form of
 * POSIX rules: "the second Sunday of March at 2:00". infra/zones.js generates the rows. */
#include "sale/zone.h"

#include "base/rfc3339.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400, LAST_WEEK = 5 };

struct turn {
    uint8_t month, week, day; /* from 1; week 5 is the last; day 0 is Sunday */
    int32_t at_s;             /* on that day, in the time before the change; may be another day */
};

struct zone {
    const char *name;
    struct zone_clock usual, summer;
    struct turn begins, ends; /* month 0: no summer time */
};

static const struct zone zones[] = {
#include "common/sale/zones.inc"
};

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const struct zone *)row)->name);
}

/* In local time before the change. */
static int64_t turn_s(const struct turn *turn, unsigned year)
{
    int64_t first = rfc3339_days(year, turn->month, 1);
    int64_t next = rfc3339_days(year + turn->month / 12, turn->month % 12 + 1U, 1);
    int64_t weekday = (first + 4) % 7; /* 1 January 1970 was a Thursday */
    int64_t day = first + (turn->day - weekday + 7) % 7 + (turn->week - 1) * 7;
    assert(turn->week >= 1 && turn->week <= LAST_WEEK && turn->day < 7);
    if (day >= next)
        day -= 7;
    assert(day >= first && day < next);
    return day * DAY_S + turn->at_s;
}

bool zone_clock_at(struct span zone, uint64_t at_ms, struct zone_clock *out)
{
    char name[ZONE_NAME_MAX + 1];
    if (!span_to_cstr(zone, name, sizeof(name)))
        return false;
    const struct zone *found =
        bsearch(name, zones, sizeof(zones) / sizeof(zones[0]), sizeof(zones[0]), compare);
    if (found == NULL)
        return false;
    assert(at_ms <= RFC3339_MS_MAX);
    *out = found->usual;
    if (found->begins.month == 0)
        return true;
    struct tm tm;
    int64_t at_s = (int64_t)(at_ms / 1000);
    time_t there = (time_t)(at_s + found->usual.east_s);
    gmtime_r(&there, &tm);
    unsigned year = (unsigned)tm.tm_year + 1900;
    int64_t begins_s = turn_s(&found->begins, year) - found->usual.east_s;
    int64_t ends_s = turn_s(&found->ends, year) - found->summer.east_s;
    bool between = begins_s < ends_s ? at_s >= begins_s && at_s < ends_s
                                     : at_s >= begins_s || at_s < ends_s; /* in the south */
    if (between)
        *out = found->summer;
    return true;
}
