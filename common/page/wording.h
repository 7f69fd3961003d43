/* wording.h: money and times as people write them in a language, on pages without a script and in
 * mails. Its phrases: money.won, time.form, time.days. */
#ifndef FG_PAGE_WORDING_H
#define FG_PAGE_WORDING_H

#include "base/err.h"
#include "base/text.h"
#include "web/phrases.h"

/* Once, before there are threads: the time zone in which events are shown, one of the system's
 * ("Asia/Seoul"). The environment of this process has it from then on. */
int wording_settle_zone(const char *zone, struct err_slot *err);
bool wording_zone_exists(const char *zone);

/* Amounts are in minor units: 154,000원 or KRW 154,000, and EUR 12.50 in any language. */
void wording_put_money(struct text *out, const struct phrases *words, uint64_t amount,
                       struct span currency);
/* A time as stored, RFC 3339 in UTC, on the clocks of that zone, which is named. What is no such
 * time is put as it is. */
void wording_put_time(struct text *out, const struct phrases *words, struct span at);

#endif
