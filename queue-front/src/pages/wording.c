/* wording.c: fills {0} and {1} in sentences of the text files.
 *
 * Translators choose the order of the words, so values go where the sentence has its marks.
 * Everything is escaped, the sentence as well as the values: texts may come from the operator. A
 * text without marks is copied. */
#include "pages/wording.h"

#include "web/template.h"

void wording_put(struct text *out, struct span pattern, struct span first, struct span second)
{
    phrases_fill(out, pattern, (const struct span[3]){first, second, {NULL, 0}}, html_put);
}

void wording_put_number(struct text *out, struct span pattern, uint64_t number)
{
    char memory[24];
    struct text digits = text_on(memory, sizeof(memory));
    text_u64(&digits, number);
    wording_put(out, pattern, text_span(&digits), (struct span){NULL, 0});
}

void wording_put_grouped(struct text *out, uint64_t value)
{
    if (value >= 1000) {
        wording_put_grouped(out, value / 1000);
        text_printf(out, ",%03u", (unsigned)(value % 1000));
    } else {
        text_u64(out, value);
    }
}
