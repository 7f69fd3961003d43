/* design.c: a site of one page. It has the waiting page's own style and words, with the brand's
 * colours in them, so what it shows is what visitors get; the console's files are packed when the
 * program is built, and stay as they are. */
#include "pages/design.h"

#include "web/site.h"

#include <stdlib.h>

static const char base_css[] =
#include "web/base.css.inc"
    ;
static const char wait_css[] =
#include "queue-front/web/wait.css.inc"
    ;
static const char design_css[] =
#include "queue-front/web/design.css.inc"
    ;
static const char design_html[] =
#include "queue-front/web/design.html.inc"
    ;

static const struct site_file files[] = {
    {"wait.css", SITE_CSS, SITE_BYTES(wait_css)},
    {"design.css", SITE_CSS, SITE_BYTES(design_css)},
};
static const struct site_page pages[] = {{"/design", SITE_BYTES(design_html), {NULL}}};

struct design {
    struct site *site;
};

int design_create(const struct brand_settings *brand, struct err_slot *err, struct design **out)
{
    const struct site_conf conf = {
        .root = "/design/-",
        .files = files,
        .files_len = sizeof(files) / sizeof(files[0]),
        .pages = pages,
        .pages_len = sizeof(pages) / sizeof(pages[0]),
        .words =
            {
#include "queue-front/web/text.words.inc"
            },
        .base = SITE_BYTES(base_css),
        .said = "live.",
        .service = "queue-front",
        .brand = brand,
    };
    struct design *design = calloc(1, sizeof(*design));
    if (design == NULL)
        return err_set(err, ERR_NOMEM, "a page of parts");
    int rc = site_create(&conf, err, &design->site);
    if (rc < 0) {
        free(design);
        return rc;
    }
    *out = design;
    return 0;
}

int design_routes(struct design *design, struct http_router *private_routes, struct err_slot *err)
{
    return site_routes(design->site, private_routes, err);
}

void design_destroy(struct design *design)
{
    if (design == NULL)
        return;
    site_destroy(design->site);
    free(design);
}
