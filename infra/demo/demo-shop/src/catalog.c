/* catalog.c: browsing: the list of products and each product, as JSON and as a page. Both forms use
 * the same queries and differ only in what is written. */
#include "catalog.h"

#include "routes.h"
#include "shop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE_MAX = LIST_LIMIT_MAX * 900 };

static const char home_html[] =
#include "infra/demo/demo-shop/web/home.html.inc"
    ;
static const char product_html[] =
#include "infra/demo/demo-shop/web/product.html.inc"
    ;
static const char shop_css[] =
#include "infra/demo/demo-shop/web/shop.css.inc"
    ;

static const struct site_file files[] = {{"shop.css", SITE_CSS, SITE_BYTES(shop_css)}};

/* The columns of both queries; the last is SHOP_PRODUCT's alone. */
enum product_column { SKU, NAME, PRICE, STOCK, DESCRIPTION };

static void put_product(struct text *json, const PGresult *res, int row)
{
    json_open(json, '{');
    json_member_str(json, "sku", pg_text(res, row, SKU));
    json_member_str(json, "name", pg_text(res, row, NAME));
    json_member_u64(json, "price", pg_u64(res, row, PRICE));
    json_member_cstr(json, "currency", "KRW");
    json_member_u64(json, "stock", pg_u64(res, row, STOCK));
    if (PQnfields(res) > DESCRIPTION)
        json_member_str(json, "description", pg_text(res, row, DESCRIPTION));
    json_close(json, '}');
}

/* ---- what fills the pages ---- */

struct shelf {
    const PGresult *res;
    int row;
};

static bool more_products(void *ctx, unsigned turn)
{
    struct shelf *shelf = ctx;
    shelf->row = (int)turn;
    return shelf->row < PQntuples(shelf->res);
}

static void put_column(struct text *out, const struct shelf *shelf, enum product_column column)
{
    html_put(out, pg_text(shelf->res, shelf->row, (int)column));
}

static void put_sku(struct text *out, void *ctx)
{
    put_column(out, ctx, SKU);
}

static void put_name(struct text *out, void *ctx)
{
    put_column(out, ctx, NAME);
}

static void put_price(struct text *out, void *ctx)
{
    put_column(out, ctx, PRICE);
}

static void put_stock(struct text *out, void *ctx)
{
    put_column(out, ctx, STOCK);
}

static void put_description(struct text *out, void *ctx)
{
    put_column(out, ctx, DESCRIPTION);
}

static const struct page_gap gaps[] = {
    {"product", NULL, more_products},
    {"sku", put_sku, NULL},
    {"name", put_name, NULL},
    {"price", put_price, NULL},
    {"stock", put_stock, NULL},
    {"description", put_description, NULL},
    {NULL, NULL, NULL},
};

int catalog_create(struct err_slot *err, struct catalog *out)
{
    const struct site_conf conf = {
        .root = "/-",
        .files = files,
        .files_len = sizeof(files) / sizeof(files[0]),
        .service = "demo-shop",
    };
    int rc = site_create(&conf, err, &out->site);
    if (rc == 0)
        rc = filled_page_create(out->site, span_of(home_html), gaps, err, &out->home);
    if (rc == 0)
        rc = filled_page_create(out->site, span_of(product_html), gaps, err, &out->product);
    return rc;
}

void catalog_destroy(struct catalog *catalog)
{
    filled_page_destroy(catalog->product);
    filled_page_destroy(catalog->home);
    site_destroy(catalog->site);
}

/* The shop speaks Korean. */
static void reply_page(struct http_req *req, const struct filled_page *page, const PGresult *res)
{
    char memory[PAGE_MAX];
    struct text text = text_on(memory, sizeof(memory));
    struct shelf shelf = {res, 0};
    filled_page_put(&text, page, LANG_KO, &shelf);
    assert(!text.overflown);
    http_reply(req, &(struct http_reply){
                        .status = 200,
                        .type = "text/html; charset=utf-8",
                        .headers = SPAN("Cache-Control: no-cache\r\nContent-Security-Policy: "
                                        "default-src 'none'; style-src 'self'\r\n"),
                        .body = text_span(&text),
                    });
}

/* ---- the list ---- */

static void on_products(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    char memory[LIST_LIMIT_MAX * 640];
    struct text json = text_on(memory, sizeof(memory));
    int rows = PQntuples(res);
    json_open(&json, '{');
    json_key(&json, "products");
    json_open(&json, '[');
    for (int row = 0; row < rows; row++)
        put_product(&json, res, row);
    json_close(&json, ']');
    if (rows > 0)
        json_member_str(&json, "next", pg_text(res, rows - 1, 0));
    else
        json_member_null(&json, "next");
    json_close(&json, '}');
    assert(!json.overflown);
    shop_reply_json(req, 200, text_span(&json));
}

static void on_home(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    reply_page(req, shop_of(req)->catalog->home, res);
}

/* False: the query's limit is invalid, and the request has been answered. */
static bool ask_products(struct http_req *req, pg_on_done *on_done)
{
    char after[SKU_MAX + 1] = "";
    char limit_text[16];
    uint64_t limit = LIST_LIMIT_DEFAULT;
    struct span wanted = http_req_query_arg(req, SPAN("limit"));
    struct span from = http_req_query_arg(req, SPAN("after"));
    bool good = wanted.len == 0 || (span_u64(wanted, LIST_LIMIT_MAX, &limit) && limit > 0);
    if (!good || (from.len > 0 && !span_to_cstr(from, after, sizeof(after)))) {
        http_problem(req, 400, "bad-query", "limit is a number from 1 to %d, after a sku",
                     LIST_LIMIT_MAX);
        return false;
    }
    snprintf(limit_text, sizeof(limit_text), "%llu", (unsigned long long)limit);
    const char *const params[] = {after, limit_text};
    pg_pool_query(shop_of(req)->db, SHOP_PRODUCTS, 2, params, on_done, req);
    return true;
}

static void on_get_products(struct http_req *req)
{
    (void)ask_products(req, on_products);
}

static void on_get_home(struct http_req *req)
{
    (void)ask_products(req, on_home);
}

/* ---- one product ---- */

/* NULL after an answer. */
static const PGresult *is_there(struct http_req *req, const struct pg_answer *answer)
{
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return NULL;
    if (PQntuples(res) == 0)
        http_problem(req, 404, "unknown-product", "There is no such product.");
    else
        return res;
    return NULL;
}

static void on_product(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = is_there(req, answer);
    if (res == NULL)
        return;
    char memory[8192];
    struct text json = text_on(memory, sizeof(memory));
    put_product(&json, res, 0);
    assert(!json.overflown);
    shop_reply_json(req, 200, text_span(&json));
}

static void on_product_page(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = is_there(req, answer);
    if (res == NULL)
        return;
    reply_page(req, shop_of(req)->catalog->product, res);
}

static void ask_product(struct http_req *req, pg_on_done *on_done)
{
    char sku[SKU_MAX + 1];
    if (!span_to_cstr(http_req_param(req, 0), sku, sizeof(sku))) {
        http_problem(req, 404, "unknown-product", "There is no such product.");
        return;
    }
    const char *const params[] = {sku};
    pg_pool_query(shop_of(req)->db, SHOP_PRODUCT, 1, params, on_done, req);
}

static void on_get_product(struct http_req *req)
{
    ask_product(req, on_product);
}

static void on_get_product_page(struct http_req *req)
{
    ask_product(req, on_product_page);
}

int catalog_add_routes(struct catalog *catalog, struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_GET, "/", on_get_home, NULL, 0},
        {HTTP_METHOD_GET, "/products/{sku}", on_get_product_page, NULL, 0},
        {HTTP_METHOD_GET, "/api/products", on_get_products, NULL, 0},
        {HTTP_METHOD_GET, "/api/products/{sku}", on_get_product, NULL, 0},
    };
    int rc = site_routes(catalog->site, router, err);
    return rc < 0 ? rc
                  : http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
