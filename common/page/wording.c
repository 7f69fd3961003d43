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

void wording_put_time(struct text *out, const struct phrases *words, const struct show *show,
                      struct span at)
{
    uint64_t ms;
    struct tm tm;
    char pattern[PATTERN_MAX], shown[TIME_MAX], zone_memory[32];
    struct text zone = text_on(zone_memory, sizeof(zone_memory));
    struct zone_clock clock;
    struct span there = show != NULL ? wording_zone_of(show) : span_of(settled_zone);
    if (!rfc3339_parse(at, &ms) || !zone_clock_at(there, ms, &clock) ||
        !span_to_cstr(phrases_find(words, SPAN("time.form")), pattern, sizeof(pattern))) {
        text_put(out, at);
        return;
    }
    time_t seconds = (time_t)(ms / 1000) + clock.east_s;
    gmtime_r(&seconds, &tm);
    size_t len = strftime(shown, sizeof(shown), pattern, &tm);
    /* Zones without a name of their own have their offset: "+05" is UTC+05. */
    const char *name = clock.name;
    if (name[0] == '+' || name[0] == '-')
        text_str(&zone, "UTC");
    text_str(&zone, name);
    assert(tm.tm_wday >= 0 && tm.tm_wday < 7);
    const struct span values[3] = {nth_word(phrases_find(words, SPAN("time.days")), tm.tm_wday),
                                   text_span(&zone), SPAN("")};
    phrases_fill(out, (struct span){shown, len}, values, text_put);
}

void wording_put_show(struct text *out, const struct phrases *words, enum lang lang,
                      const struct show *show)
{
    const struct show_words its = {.lang = span_of(lang_tag(lang)),
                                   .form = phrases_find(words, SPAN("show.form")),
                                   .days = phrases_find(words, SPAN("show.days")),
                                   .doors = phrases_find(words, SPAN("show.doors"))};
    struct show there = *show;
    if (there.time_zone[0] == '\0' && strcmp(settled_zone, "UTC") != 0)
        memcpy(there.time_zone, settled_zone, sizeof(there.time_zone));
    show_put_line(out, &there, &its);
}
