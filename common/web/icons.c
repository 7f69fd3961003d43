/* icons.c: web/icons.html has one icon per line: its name and markup, drawn for this project. */
#include "icons.h"

#include <assert.h>

static const char icons_html[] =
#include "web/icons.html.inc"
    ;

void icons_read(struct icons *out)
{
    struct span rest = span_of(icons_html), row, name;
    out->len = 0;
    while (span_next(&rest, '\n', &row)) {
        if (row.len == 0)
            continue;
        struct span markup = span_cut(row, ' ', &name);
        assert(out->len < ICONS_MAX);
        bool fits = span_to_cstr(name, out->name[out->len], ICON_NAME_CAP);
        assert(fits);
        out->row[out->len] = (struct template_fixed){out->name[out->len], markup};
        out->len++;
    }
}
