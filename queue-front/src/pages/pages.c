/* pages.c: the few files with fixed addresses, served unchanged.
 *
 * They are compiled in and compressed at start, so no file can be missing and no path can be
 * escaped from. The visitors' page is in waiting_page.c, the operators' in console.c. */
#include "pages/pages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

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
/* It is below /assets and serves the pages below /e. */
static const char sw_headers[] = "Cache-Control: no-cache\r\n"
                                 "Service-Worker-Allowed: /e/\r\n"
                                 "X-Content-Type-Options: nosniff\r\n";
/* Messengers cache it anyway; another brand is visible within the day. */
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

static const struct asset preview = {
    "/assets/preview.png", "image/png", {NULL, 0}, preview_headers};

struct pages {
    struct page_asset {
        const struct asset *asset;
        struct http_blob *blob;
    } asset[ASSETS + 1]; /* the last one is the preview, made at start */
};

/* Our picture has a palette of sixteen steps from one colour to another, so recolouring it means
 * writing 48 bytes and their checksum: nothing is drawn or compressed at start. It is for
 * messengers and networks that fetch a link; a visitor's browser never fetches it. It has no words:
 * they fetch one picture for readers of all languages. A PNG of 1200 x 630. */
static const char drawing[] =
#include "queue-front/web/preview.png.inc"
    ;

/* A PNG is a signature of 8 bytes and chunks: length, name, data, and a checksum of the last two.
 * The first chunk has the size, and takes 25 bytes; ours has the palette next. */
enum {
    LEVELS = 16,
    NAME_AT = 8 + 25 + 4,
    NAME_LEN = 4,
    PALETTE_AT = NAME_AT + NAME_LEN,
    PALETTE_LEN = 3 * LEVELS,
    SUM_AT = PALETTE_AT + PALETTE_LEN,
    DRAWING_LEN = sizeof(drawing) - 1
};
static_assert((int)DRAWING_LEN > (int)SUM_AT, "the drawing has no palette");

/* "#rrggbb" or "#rgb" */
static void parse_colour(const char *colour, unsigned out[3])
{
    unsigned value = (unsigned)strtoul(colour + 1, NULL, 16);
    bool is_short = strlen(colour) == 4;
    for (unsigned i = 0; i < 3; i++)
        out[i] = is_short ? 17 * (value >> (8 - 4 * i) & 15) : value >> (16 - 8 * i) & 255;
}

static void paint(char *png, struct brand_colours colours)
{
    unsigned ground[3], ink[3];
    parse_colour(colours.signal, ground);
    parse_colour(colours.on_signal, ink);
    unsigned char *palette = (unsigned char *)png + PALETTE_AT;
    for (unsigned level = 0; level < LEVELS; level++) {
        for (unsigned i = 0; i < 3; i++)
            palette[3 * level + i] =
                (unsigned char)((ground[i] * (LEVELS - 1 - level) + ink[i] * level) / (LEVELS - 1));
    }
    uLong sum = crc32(0, (const unsigned char *)png + NAME_AT, NAME_LEN + PALETTE_LEN);
    for (unsigned i = 0; i < 4; i++)
        png[SUM_AT + i] = (char)(sum >> (24 - 8 * i) & 255);
}

/* The operator's own, or ours in the operator's colours. The caller releases it. */
static int make_preview(const struct brand_settings *brand, struct err_slot *err,
                        struct http_blob **out)
{
    struct brand *loaded;
    int rc = brand_load(brand, err, &loaded);
    if (rc < 0)
        return rc;
    struct span picture = brand_preview(loaded);
    char ours[DRAWING_LEN];
    if (picture.len == 0) {
        assert(memcmp(drawing + NAME_AT, "PLTE", NAME_LEN) == 0);
        memcpy(ours, drawing, DRAWING_LEN);
        paint(ours, brand_colours(loaded, BRAND_LIGHT));
        picture = (struct span){ours, DRAWING_LEN};
    }
    *out = http_blob_create(picture);
    brand_destroy(loaded);
    return *out != NULL ? 0 : err_set(err, ERR_NOMEM, "a picture of %zu bytes", picture.len);
}

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
    int rc = make_preview(brand, err, &pages->asset[ASSETS].blob);
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
