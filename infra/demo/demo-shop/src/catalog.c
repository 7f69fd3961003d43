/* catalog.c: the pages, which are the same for everybody, and the products, which the database
 * writes as JSON. web/shop.js fills in the products and a customer's orders. */
#include "base/text.h"
#include "routes.h"
#include "shop.h"
#include "web/html.h"

#include <assert.h>

static const char home_html[] =
#include "infra/demo/demo-shop/web/head.html.inc"
#include "infra/demo/demo-shop/web/home.html.inc"
    ;
static const char orders_html[] =
#include "infra/demo/demo-shop/web/head.html.inc" // NOLINT(readability-duplicate-include): both pages begin alike
#include "infra/demo/demo-shop/web/orders.html.inc"
    ;
static const char shop_css[] =
#include "infra/demo/demo-shop/web/shop.css.inc"
    ;
static const char shop_js[] =
#include "infra/demo/demo-shop/web/shop.js.inc"
    ;
static const char kit_js[] =
#include "web/kit.js.inc"
    ;
static const char money_js[] =
#include "web/money.js.inc"
    ;
static const char hero_svg[] =
#include "infra/demo/demo-shop/web/hero.svg.inc"
    ;

static const struct site_file files[] = {
    {"shop.css", SITE_CSS, SITE_BYTES(shop_css)},
    {"shop.js", SITE_JS, SITE_BYTES(shop_js)},
    {"kit.js", SITE_JS, SITE_BYTES(kit_js)},
    {"money.js", SITE_JS, SITE_BYTES(money_js)},
    {"hero.svg", "image/svg+xml", SITE_BYTES(hero_svg)},
};
static const struct site_page pages[] = {
    {"/", SITE_BYTES(home_html), {NULL}},
    {"/my/orders", SITE_BYTES(orders_html), {NULL}},
};

int catalog_create(const char *line_url, struct err_slot *err, struct catalog *out)
{
    struct text link = text_on(out->link, sizeof(out->link));
    html_put(&link, span_of(line_url));
    assert(!link.overflown);
    const struct site_conf conf = {
        .root = "/-",
        .files = files,
        .files_len = sizeof(files) / sizeof(files[0]),
        .pages = pages,
        .pages_len = sizeof(pages) / sizeof(pages[0]),
        .words =
            {
#include "infra/demo/demo-shop/web/text.words.inc"
            },
        .service = "demo-shop",
        .data = text_span(&link),
    };
    return site_create(&conf, err, &out->site);
}

void catalog_destroy(struct catalog *catalog)
{
    site_destroy(catalog->site);
}

static void on_get_products(struct http_req *req)
{
    char after[SKU_MAX + 1] = "", limit[16];
    struct span from = http_req_query_arg(req, SPAN("after"));
    const char *const params[] = {after, limit};
    if (from.len > 0 && !span_to_cstr(from, after, sizeof(after)))
        http_problem(req, 400, "bad-query", "after is a sku");
    else if (shop_limit(req, limit))
        pg_pool_query(shop_of(req)->db, SHOP_PRODUCTS, 2, params, shop_answer, req);
}

static void on_get_product(struct http_req *req)
{
    char sku[SKU_MAX + 1];
    const char *const params[] = {sku};
    if (span_to_cstr(http_req_param(req, 0), sku, sizeof(sku)))
        pg_pool_query(shop_of(req)->db, SHOP_PRODUCT, 1, params, shop_answer, req);
    else
        shop_reply_problem(req, "unknown-product");
}

int catalog_add_routes(struct catalog *catalog, struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_GET, "/api/products", on_get_products, NULL, 0},
        {HTTP_METHOD_GET, "/api/products/{sku}", on_get_product, "unknown-product", 0},
    };
    int rc = site_routes(catalog->site, router, err);
    return rc < 0 ? rc
                  : http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
