/* html.c: escapes the five characters with a meaning in markup, in text and in quoted attributes.
 * Our pages contain outside text nowhere else. */
#include "html.h"

void html_put(struct text *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            TEXT_LIT(out, "&amp;");
            break;
        case '<':
            TEXT_LIT(out, "&lt;");
            break;
        case '>':
            TEXT_LIT(out, "&gt;");
            break;
        case '"':
            TEXT_LIT(out, "&quot;");
            break;
        case '\'':
            TEXT_LIT(out, "&#39;");
            break;
        default:
            text_char(out, text.ptr[i]);
        }
    }
}
