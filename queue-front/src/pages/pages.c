/* pages.c: the few files whose addresses are fixed, served as they are.
 *
 * They are compiled in and compressed at start, so there is no file to miss and no path to
 * escape from. What visitors look at is waiting_page.c, what operators look at is console.c. */
#include "pages/pages.h"

#include "pages/preview.h"

#include <stdlib.h>

static const char icon_svg[] =
#include "queue-front/web/icon.svg.inc"
    ;
static const char sw_js[] =
#include "queue-front/web/sw.js.inc"
    ;
static const char robots_txt[] = "User-agent: *\nDisallow: /v1/\n";
/* It never changes; an operator who wants another icon sets a logo in [brand]. */
static const char asset_headers[] = "Cache-Control: public, max-age=31536000, immutable\r\n"
                                    "X-Content-Type-Options: nosniff\r\n";
/* It lies below /assets and serves the pages below /e. */
static const char sw_headers[] = "Cache-Control: no-cache\r\n"
                                 "Service-Worker-Allowed: /e/\r\n"
                                 "X-Content-Type-Options: nosniff\r\n";
/* Messengers keep it anyway; another brand is seen within the day. */
static const char preview_headers[] = "Cache-Control: public, max-age=86400\r\n"
                                      "X-Content-Type-Options: nosniff\r\n";
static const char short_headers[] = "Cache-Control: no-cache\r\n"
                                    "X-Content-Type-Options: nosniff\r\n";

struct asset {
    const char *path;
    const char *type;
    struct span bytes;
    const char *headers;
};

static const struct asset assets[] = {
    {"/assets/icon.svg", "image/svg+xml", {icon_svg, sizeof(icon_svg) - 1}, asset_headers},
    {"/favicon.ico", "image/svg+xml", {icon_svg, sizeof(icon_svg) - 1}, short_headers},
    {"/assets/sw.js", "text/javascript; charset=utf-8", {sw_js, sizeof(sw_js) - 1}, sw_headers},
    {"/robots.txt",
     "text/plain; charset=utf-8",
     {robots_txt, sizeof(robots_txt) - 1},
     short_headers},
};

enum { ASSETS = sizeof(assets) / sizeof(assets[0]) };

static const struct asset preview = {PREVIEW_PATH, "image/png", {NULL, 0}, preview_headers};

struct pages {
    struct page_asset {
        const struct asset *asset;
        struct http_blob *blob;
    } asset[ASSETS + 1]; /* the last one is the preview, whose bytes are made at start */
};

static void on_asset(struct http_req *req)
{
    const struct page_asset *asset = http_req_route_ctx(req);
    struct http_reply reply = {
        .status = 200,
        .type = asset->asset->type,
        .headers = span_of(asset->asset->headers),
        .blob = asset->blob,
    };
    http_reply(req, &reply);
}

int pages_create(const struct brand_settings *brand, struct err_slot *err, struct pages **out)
{
    struct pages *pages = calloc(1, sizeof(*pages));
    if (pages == NULL)
        return err_set(err, ERR_NOMEM, "pages of %zu bytes", sizeof(*pages));
    pages->asset[ASSETS].asset = &preview;
    int rc = preview_make(brand, err, &pages->asset[ASSETS].blob);
    for (unsigned i = 0; i < ASSETS && rc == 0; i++) {
        pages->asset[i].asset = &assets[i];
        pages->asset[i].blob = http_blob_create(assets[i].bytes);
        if (pages->asset[i].blob == NULL)
            rc = err_set(err, ERR_NOMEM, "asset %s", assets[i].path);
    }
    if (rc < 0) {
        pages_destroy(pages);
        return rc;
    }
    *out = pages;
    return 0;
}

void pages_destroy(struct pages *pages)
{
    if (pages == NULL)
        return;
    for (unsigned i = 0; i <= ASSETS; i++)
        http_blob_unref(pages->asset[i].blob);
    free(pages);
}

int pages_routes(struct pages *pages, struct http_router *routes, struct err_slot *err)
{
    int rc = 0;
    for (unsigned i = 0; i <= ASSETS && rc == 0; i++) {
        const struct http_route route = {HTTP_METHOD_GET, pages->asset[i].asset->path, on_asset,
                                         &pages->asset[i], 0};
        rc = http_router_add(routes, &route, err);
    }
    return rc;
}
