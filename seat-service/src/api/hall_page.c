/* hall_page.c: the parts of the page. Its texts and script are in seat-service/web; what all
 * services' pages share is in web. infra/vendor.js bundles the script into one file: on a slow line
 * every further file takes one of the few connections that a browser opens, and the plan needs one.
 * What the first look does not need is a second file, fetched after it. */
#include "api/hall_page.h"

static const char hall_html[] =
#include "seat-service/web/hall.html.inc"
    ;
static const char hall_css[] =
#include "seat-service/web/hall.css.inc"
    ;
static const char hall_js[] =
#include "seat-service/web/hall.min.js.inc"
    ;
static const char later_js[] =
#include "seat-service/web/later.min.js.inc"
    ;
static const char base_css[] =
#include "web/base.css.inc"
    ;

static const struct site_file files[] = {
    {"hall.css", SITE_CSS, SITE_BYTES(hall_css)},
    {"hall.js", SITE_JS, SITE_BYTES(hall_js)},
    {"later.js", SITE_JS, SITE_BYTES(later_js)},
};

/* Small files come first and do not wait for large ones. */
static const struct site_page pages[] = {{"/seats/{event}",
                                          SITE_BYTES(hall_html),
                                          {"/v1/seats/{}/availability?form=octets", "/v1/seats/{}",
                                           "/v1/seats/{}/plan?form=rows", NULL}}};

int hall_page_create(const struct brand_settings *brand, struct err_slot *err, struct site **out)
{
    const struct site_conf conf = {
        .root = "/seats/-",
        .files = files,
        .files_len = sizeof(files) / sizeof(files[0]),
        .pages = pages,
        .pages_len = sizeof(pages) / sizeof(pages[0]),
        .base = SITE_BYTES(base_css),
        .words =
            {
#include "seat-service/web/text.words.inc"
            },
        .service = "seat-service",
        .brand = brand,
    };
    return site_create(&conf, err, out);
}
