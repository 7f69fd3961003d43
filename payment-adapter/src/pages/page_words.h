/* page_words.h: what several pages say in the same words. */
#ifndef FG_PAY_PAGE_WORDS_H
#define FG_PAY_PAGE_WORDS_H

#include "base/text.h"
#include "web/template.h"

/* The script writes it as people do, in the visitor's own time zone. */
void page_words_put_time(struct text *out, struct span at);
/* What is printed on a seat: zone, row and number. Of a place in an area it is the area's name; of
 * one that was bought when its hall told no names it is the id. */
void page_words_put_seat(struct text *out, const struct phrases *words, const struct span names[3],
                         struct span id);

#endif
