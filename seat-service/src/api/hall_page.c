/* hall_page.c: the parts of the page. Its texts and script are in seat-service/web; code shared by
 * all services' pages is in web. infra/vendor.js bundles the script into one file: on a slow
 * connection every further file takes one of a browser's few connections, and the plan needs one. A
 * second file, fetched later, has what the first view does not need. */
#include "api/hall_page.h"

#include "api/plain_page.h"

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
static const char plain_css[] =
#include "seat-service/web/plain.css.inc"
    ;
static const char base_css[] =
#include "web/base.css.inc"
    ;

static const struct site_file files[] = {
    {"hall.css", SITE_CSS, SITE_BYTES(hall_css)},   {"hall.js", SITE_JS, SITE_BYTES(hall_js)},
    {"later.js", SITE_JS, SITE_BYTES(later_js)},    {"base.css", SITE_CSS, SITE_BYTES(base_css)},
    {"plain.css", SITE_CSS, SITE_BYTES(plain_css)},
};

/* Small files first, so that they do not wait for large ones. */
static const struct site_page pages[] = {{"/seats/{event}",
                                          SITE_BYTES(hall_html),
                                          {"/v1/seats/{}/availability?form=octets", "/v1/seats/{}",
                                           "/v1/seats/{}/plan?form=rows", NULL}}};

/* Redirects a browser without scripts, marked by `?noscript`, to the plain page: this page is the
 * same for every event and cannot link to it. */
static bool go_plain(struct http_req *req, void *ctx)
{
    (void)ctx;
    if (!span_starts(http_req_query(req), SPAN("noscript")))
        return false;
    plain_page_redirect(req, NULL, NULL);
    return true;
}

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
        .kept = "told.",
        .service = "seat-service",
        .brand = brand,
        .refuse = go_plain,
    };
    return site_create(&conf, err, out);
}
