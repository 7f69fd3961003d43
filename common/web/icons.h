/* icons.h: the icons of all pages, as markup in the page itself: no extra request, and nothing that
 * the policy would have to allow. A template writes {{i.check}}. Each is drawn on a field of 24 by
 * 24 with a stroke of 2 in the colour of the text beside it (`.i` in web/base.css), and is hidden
 * from screen readers: the words beside it say the same. */
#ifndef FG_WEB_ICONS_H
#define FG_WEB_ICONS_H

#include "template.h"

enum { ICONS_MAX = 16, ICON_NAME_CAP = 16 };

struct icons {
    char name[ICONS_MAX][ICON_NAME_CAP]; /* "i.check" */
    struct template_fixed row[ICONS_MAX];
    unsigned len;
};

void icons_read(struct icons *out); /* its rows point into it */

#endif
