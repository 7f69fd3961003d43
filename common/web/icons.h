/* icons.h: the icons of all pages, as inline markup: no extra request, and no exception in the
 * content security policy. A template writes {{i.check}}. Each is drawn on a 24 by 24 field with a
 * stroke of 2 in the colour of the surrounding text (`.i` in web/base.css), and is hidden from
 * screen readers: the adjacent words say the same. */
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
