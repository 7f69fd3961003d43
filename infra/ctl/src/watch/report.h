/* report.h: a sale on one page. */
#ifndef FG_CTL_WATCH_REPORT_H
#define FG_CTL_WATCH_REPORT_H

#include "acts/job.h"

/* Summarizes a series of the line: {from, to, issued, admitted, no_shows, peak_waiting, peak_at,
 * mean_wait_s, told_judged, told_kept}. Returns a new document. */
json_t *report_line(const json_t *series);

/* Appends "264,000 KRW" or "1,234.50 EUR" for an amount in the currency's minor units. */
void report_money(struct grow *out, double minor, struct span currency);

#endif
