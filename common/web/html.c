/* html.c: the five characters that mean something in markup, inside of an element or of a quoted
 * attribute. Nowhere else does a page of ours take text from outside. */
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
