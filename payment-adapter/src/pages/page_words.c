/* page_words.c: times as stored, cut to the minute, and seats as they are printed; this is what
 * people see without a script. */
#include "pages/page_words.h"

#include <assert.h>

enum { RFC3339_MIN = sizeof("2027-05-01T19:00") - 1 };

void page_words_put_time(struct text *out, struct span at)
{
    assert(at.len >= RFC3339_MIN);
    text_printf(out, "%.10s %.5s UTC", at.ptr, at.ptr + sizeof("2027-05-01T") - 1);
}

void page_words_put_seat(struct text *out, const struct phrases *words, const struct span names[3],
                         struct span id)
{
    if (names[2].len > 0)
        phrases_fill(out, phrases_find(words, SPAN("seat.name")), names, html_put);
    else
        html_put(out, names[0].len > 0 ? names[0] : id);
}
