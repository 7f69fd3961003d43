/* html.c: escapes the five characters with a meaning in markup, in text and in quoted attributes.
 * Our pages contain outside text nowhere else. */
#include "html.h"

void html_put(struct text *out, struct span text)
{
    static const char *const marks[UINT8_MAX + 1] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    for (size_t i = 0; i < text.len; i++) {
        const char *mark = marks[(unsigned char)text.ptr[i]];
        if (mark != NULL)
            text_str(out, mark);
        else
            text_char(out, text.ptr[i]);
    }
}
