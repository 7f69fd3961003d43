/* page_words.h: wording that several pages share. */
#ifndef FG_PAY_PAGE_WORDS_H
#define FG_PAY_PAGE_WORDS_H

#include "base/text.h"
#include "web/template.h"

/* A time as stored. The script rewrites it in the visitor's own time zone and format. */
void page_words_put_time(struct text *out, const struct phrases *words, struct span at);
/* What is printed on a seat: zone, row and number. A standing place shows its area's name; a seat
 * bought while its hall gave no names shows its id. */
void page_words_put_seat(struct text *out, const struct phrases *words, const struct span names[3],
                         struct span id);

#endif
