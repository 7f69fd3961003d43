/* html.h: escapes outside text for a page. */
#ifndef FG_WEB_HTML_H
#define FG_WEB_HTML_H

#include "base/text.h"

/* & < > " ' become entities. */
void html_put(struct text *out, struct span text);

#endif
