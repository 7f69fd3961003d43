/* waiting_gaps.h: what fills the waiting page; each row reads a struct waiting_look. */
#ifndef FG_QUEUE_FRONT_WAITING_GAPS_H
#define FG_QUEUE_FRONT_WAITING_GAPS_H

#include "web/filled_page.h"

extern const struct page_gap waiting_gaps[]; /* ended by a row without a name */

#endif
