/* wording.c: where and how the parts of a time stand is the language's: time.form is a pattern of
 * strftime, in which {0} is the day's name, of time.days, and {1} the zone's. Names of months
 * come from the C locale, which is English: other languages number them.
 *
 * Times that are not of a show are in the company's zone. Logs and stored times stay in UTC.
 *
 * Threading: the zone is settled before there are threads; all else is pure. */
#include "page/wording.h"

#include "base/rfc3339.h"
#include "sale/currency.h"

#include <assert.h>
#include <string.h>
#include <time.h>

enum { PATTERN_MAX = 128, TIME_MAX = 256, AMOUNT_MAX = 64 };

static char settled_zone[ZONE_NAME_MAX + 1] = "UTC";

int wording_settle_zone(const char *zone, struct err_slot *err)
{
    struct zone_clock clock;
    if (!zone_clock_at(span_of(zone), 0, &clock))
        return err_set(err, ERR_RANGE, "there is no time zone %s", zone);
    span_to_cstr(span_of(zone), settled_zone, sizeof(settled_zone));
    return 0;
}

void wording_put_money(struct text *out, const struct phrases *words, uint64_t amount,
                       struct span currency)
{
    bool won = span_eq_nocase(currency, SPAN("krw"));
    char memory[AMOUNT_MAX];
    struct text digits = text_on(memory, sizeof(memory));
    currency_put(&digits, currency, amount);
    assert(!digits.overflown);
    const struct span values[3] = {text_span(&digits), SPAN(""), SPAN("")};
    if (won) {
        phrases_fill(out, phrases_find(words, SPAN("money.won")), values, text_put);
        return;
    }
    text_put(out, currency);
    text_char(out, ' ');
    text_put(out, text_span(&digits));
}

static struct span nth_word(struct span words, int n)
{
    struct span word = {NULL, 0};
    for (int i = 0; i <= n; i++)
        words = span_cut(words, ' ', &word);
    return word;
}

struct span wording_zone_of(const struct show *show)
{
    return span_of(show->time_zone[0] != '\0' ? show->time_zone : settled_zone);
}

/* The clock and the calendar there at this moment; UTC's if the zone is unknown. */
static bool calendar_at(struct span zone, uint64_t ms, struct zone_clock *clock, struct tm *tm)
{
    *clock = (struct zone_clock){.east_s = 0};
    bool is_known = zone_clock_at(zone, ms, clock);
    time_t seconds = (time_t)(ms / 1000) + clock->east_s;
    gmtime_r(&seconds, tm);
    assert(tm->tm_wday >= 0 && tm->tm_wday < 7);
    return is_known;
}

/* By the form, in which {0} is the day's word. False: the form is too long. */
static bool put_form(struct text *out, const struct tm *tm, struct span form, struct span days,
                     struct span zone)
{
    char pattern[PATTERN_MAX], shown[TIME_MAX];
    if (!span_to_cstr(form, pattern, sizeof(pattern)))
        return false;
    size_t len = strftime(shown, sizeof(shown), pattern, tm);
    const struct span values[3] = {nth_word(days, tm->tm_wday), zone, SPAN("")};
    phrases_fill(out, (struct span){shown, len}, values, text_put);
    return true;
}

void wording_put_time(struct text *out, const struct phrases *words, const struct show *show,
                      struct span at)
{
    uint64_t ms;
    struct tm tm;
    char memory[32];
    struct text zone = text_on(memory, sizeof(memory));
    struct zone_clock clock;
    struct span there = show != NULL ? wording_zone_of(show) : span_of(settled_zone);
    if (!rfc3339_parse(at, &ms) || !calendar_at(there, ms, &clock, &tm)) {
        text_put(out, at);
        return;
    }
    /* Zones without a name of their own have their offset: "+05" is UTC+05. */
    if (clock.name[0] == '+' || clock.name[0] == '-')
        text_str(&zone, "UTC");
    text_str(&zone, clock.name);
    if (!put_form(out, &tm, phrases_find(words, SPAN("time.form")),
                  phrases_find(words, SPAN("time.days")), text_span(&zone)))
        text_put(out, at);
}

void wording_put_moment(struct text *out, const struct phrases *words, const struct show *show,
                        uint64_t ms)
{
    struct span zone = wording_zone_of(show);
    struct zone_clock clock;
    struct tm tm;
    calendar_at(zone, ms, &clock, &tm);
    bool is_shown = put_form(out, &tm, phrases_find(words, SPAN("show.form")),
                             phrases_find(words, SPAN("show.days")), SPAN(""));
    if (is_shown && show->time_zone[0] == '\0' && span_eq(zone, SPAN("UTC")))
        TEXT_LIT(out, " UTC");
}

void wording_put_clock(struct text *out, const struct show *show, uint64_t ms)
{
    char time[8];
    struct zone_clock clock;
    struct tm tm;
    calendar_at(wording_zone_of(show), ms, &clock, &tm);
    text_put(out, (struct span){time, strftime(time, sizeof(time), "%H:%M", &tm)});
}

#define APART "\u00a0· " /* no line begins with the dot */

void wording_put_show(struct text *out, const struct phrases *words, enum lang lang,
                      const struct show *show)
{
    if (show->starts_ms != 0) {
        wording_put_moment(out, words, show, show->starts_ms);
        if (show->venue.name.len > 0)
            TEXT_LIT(out, APART);
    }
    show_put_place(out, &show->venue, span_of(lang_tag(lang)));
    if (show->doors_ms != 0) {
        char memory[8];
        struct text time = text_on(memory, sizeof(memory));
        wording_put_clock(&time, show, show->doors_ms);
        const struct span values[3] = {text_span(&time), SPAN(""), SPAN("")};
        TEXT_LIT(out, APART);
        phrases_fill(out, phrases_find(words, SPAN("show.doors")), values, text_put);
    }
}
