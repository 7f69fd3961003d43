/* wording.h: money and times as people write them in a language, for pages without scripts and for
 * mails. Its phrases: money.won, time.form, time.days, show.form, show.days, show.doors. */
#ifndef FG_PAGE_WORDING_H
#define FG_PAGE_WORDING_H

#include "base/err.h"
#include "base/text.h"
#include "sale/show.h"
#include "web/lang.h"
#include "web/phrases.h"

/* Once, before threads start: the default time zone ("Asia/Seoul"), also for shows without one.
 * ERR_RANGE: unknown zone. */
int wording_settle_zone(const char *zone, struct err_slot *err);

/* Amounts are in minor units: 154,000원 or KRW 154,000, and EUR 12.50 in any language. */
void wording_put_money(struct text *out, const struct phrases *words, uint64_t amount,
                       struct span currency);
struct span wording_zone_of(const struct show *show); /* its own, or the default */
/* "Sat 12 June 2027, 19:00 · Harbour Dome, Incheon · Doors 17:30": when and where the show is, in
 * its own time zone. Nothing, if nothing is said. UTC is named unless it is the show's own. */
void wording_put_show(struct text *out, const struct phrases *words, enum lang lang,
                      const struct show *show);
/* A time in the show's zone: by show.form, with UTC named as above; "17:30". */
void wording_put_moment(struct text *out, const struct phrases *words, const struct show *show,
                        uint64_t ms);
void wording_put_clock(struct text *out, const struct show *show, uint64_t ms);
/* A stored time, RFC 3339 in UTC, in the show's time zone (NULL: the default), which is named. Text
 * of another form is written as it is. */
void wording_put_time(struct text *out, const struct phrases *words, const struct show *show,
                      struct span at);

#endif
