/* purchase.h: a test purchase, as a visitor would make it. */
#ifndef FG_CTL_WATCH_PURCHASE_H
#define FG_CTL_WATCH_PURCHASE_H

#include "acts/job.h"

/* Appends findings to the array. `setup` is the answer of /admin/setup, which says whether the
 * provider's key is a test key. NULL: unknown. */
void purchase_try(struct job *job, const json_t *setup, json_t *findings);

#endif
