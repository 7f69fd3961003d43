/* report.h: a sale on one page. */
#ifndef FG_CTL_WATCH_REPORT_H
#define FG_CTL_WATCH_REPORT_H

#include "acts/job.h"

/* What a series of the line says: {from, to, issued, admitted, no_shows, peak_waiting, peak_at,
 * mean_wait_s, told_judged, told_kept}. A new document. */
json_t *report_line(const json_t *series);

/* "264,000 KRW", "1,234.50 EUR" into `out`: minor units, as the currency has them. */
void report_money(struct grow *out, double minor, struct span currency);

#endif
