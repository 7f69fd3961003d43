/* page_words.c: times, and seats as they are printed; this is what people see without a script. */
#include "pages/page_words.h"

#include "wording.h"

enum { TIME_MAX = 256 };

void page_words_put_time(struct text *out, const struct phrases *words, struct span at)
{
    char memory[TIME_MAX];
    struct text time = text_on(memory, sizeof(memory));
    wording_put_time(&time, words, at);
    html_put(out, text_span(&time));
}

void page_words_put_seat(struct text *out, const struct phrases *words, const struct span names[3],
                         struct span id)
{
    if (names[2].len > 0)
        phrases_fill(out, phrases_find(words, SPAN("seat.name")), names, html_put);
    else
        html_put(out, names[0].len > 0 ? names[0] : id);
}
