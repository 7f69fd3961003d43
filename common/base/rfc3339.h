/* rfc3339.h: times in the API's format, "2026-11-20T07:32:33.000Z": UTC, to the millisecond. */
#ifndef FG_BASE_RFC3339_H
#define FG_BASE_RFC3339_H

#include "base/span.h"
#include "base/text.h"

enum { RFC3339_LEN = 24 };

/* The last millisecond of the year 9999, the latest time that can be written. */
#define RFC3339_MS_MAX UINT64_C(253402300799999)

/* Accepts "T" and "Z" in either case, 1 to 9 decimals of a second (truncated to milliseconds) and
 * offsets such as +09:00. Refuses days that do not exist, leap seconds (a clock that counts from
 * 1970 has none) and times before 1970. */
bool rfc3339_parse(struct span text, uint64_t *unix_ms);

void rfc3339_put(struct text *text, uint64_t unix_ms); /* requires unix_ms <= RFC3339_MS_MAX */

/* Days from 1970 to this one of the Gregorian calendar; negative before. */
int64_t rfc3339_days(unsigned year, unsigned month, unsigned day);

#endif
