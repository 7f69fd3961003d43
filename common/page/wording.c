/* wording.c: where and how the parts of a time stand is the language's: time.form is a pattern of
 * strftime, in which {0} is the day's name, of time.days, and {1} the zone's. Names of months
 * come from the C locale, which is English: other languages number them.
 *
 * The zone is one for the whole process, since the C library knows but one: a company that
 * sells in several names its own. Logs and stored times stay in UTC.
 *
 * Threading: the zone is settled before there are threads; all else is pure. */
#include "page/wording.h"

#include "base/rfc3339.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PATTERN_MAX = 128, TIME_MAX = 256, PATH_BYTES_MAX = 256, AMOUNT_MAX = 64 };

bool wording_zone_exists(const char *zone)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_+-/";
    char path[PATH_BYTES_MAX];
    if (zone[0] == '\0' || zone[0] == '/' || zone[strspn(zone, allowed)] != '\0')
        return false;
    if (strcmp(zone, "UTC") == 0) /* which every C library knows without files */
        return true;
    int len = snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
    struct stat file;
    return len > 0 && (size_t)len < sizeof(path) && stat(path, &file) == 0 && S_ISREG(file.st_mode);
}

int wording_settle_zone(const char *zone, struct err_slot *err)
{
    if (setenv("TZ", zone, 1) != 0)
        return err_set(err, ERR_NOMEM, "time zone %s: %s", zone, strerror(errno));
    tzset();
    return 0;
}

/* Most currencies have two decimals; those of our sellers that have none are listed here. */
static void put_digits(struct text *out, uint64_t amount, bool whole)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu",
                       (unsigned long long)(whole ? amount : amount / 100));
    assert(len > 0);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            text_char(out, ',');
        text_char(out, digits[i]);
    }
    if (!whole)
        text_printf(out, ".%02u", (unsigned)(amount % 100));
}

void wording_put_money(struct text *out, const struct phrases *words, uint64_t amount,
                       struct span currency)
{
    bool won = span_eq_nocase(currency, SPAN("krw"));
    char memory[AMOUNT_MAX];
    struct text digits = text_on(memory, sizeof(memory));
    put_digits(&digits, amount,
               won || span_eq_nocase(currency, SPAN("jpy")) ||
                   span_eq_nocase(currency, SPAN("vnd")));
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

/* Zones without a name of their own have their offset: "+05" is UTC+05. */
static void put_zone(struct text *out, const struct tm *tm)
{
    if (tm->tm_zone[0] == '+' || tm->tm_zone[0] == '-')
        text_str(out, "UTC");
    text_str(out, tm->tm_zone);
}

void wording_put_time(struct text *out, const struct phrases *words, struct span at)
{
    uint64_t ms;
    struct tm tm;
    char pattern[PATTERN_MAX], shown[TIME_MAX], zone_memory[32];
    struct text zone = text_on(zone_memory, sizeof(zone_memory));
    time_t seconds = rfc3339_parse(at, &ms) ? (time_t)(ms / 1000) : -1;
    if (seconds < 0 || localtime_r(&seconds, &tm) == NULL ||
        !span_to_cstr(phrases_find(words, SPAN("time.form")), pattern, sizeof(pattern))) {
        text_put(out, at);
        return;
    }
    size_t len = strftime(shown, sizeof(shown), pattern, &tm);
    put_zone(&zone, &tm);
    assert(tm.tm_wday >= 0 && tm.tm_wday < 7);
    const struct span values[3] = {nth_word(phrases_find(words, SPAN("time.days")), tm.tm_wday),
                                   text_span(&zone), SPAN("")};
    phrases_fill(out, (struct span){shown, len}, values, text_put);
}
