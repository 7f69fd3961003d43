/* waiting_gaps.h: fills the waiting page (web/filled_page.h). ctx is a struct waiting_look. */
#ifndef FG_QUEUE_FRONT_WAITING_GAPS_H
#define FG_QUEUE_FRONT_WAITING_GAPS_H

#include "base/text.h"

extern const char *const waiting_gaps[];
void waiting_gaps_put(struct text *out, unsigned gap, void *ctx);
bool waiting_gaps_more(unsigned block, unsigned turn, void *ctx);

#endif
