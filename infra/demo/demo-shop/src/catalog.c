/* catalog.c: the list of products and each product, as JSON, which the database writes, and as a
 * page. */
#include "routes.h"
#include "shop.h"

#include <assert.h>

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

/* The columns of SHOP_SHELF and SHOP_ITEM, which are gaps, and the block of a row. */
static const char *const gaps[] = {"sku", "name", "price", "stock", "description", "product", NULL};

struct shelf {
    const PGresult *res;
    int row;
};

static void put_column(struct text *out, unsigned column, void *ctx)
{
    const struct shelf *shelf = ctx;
    html_put(out, pg_text(shelf->res, shelf->row, (int)column));
}

static bool more_products(unsigned block, unsigned turn, void *ctx)
{
    struct shelf *shelf = ctx;
    (void)block;
    shelf->row = (int)turn;
    return shelf->row < PQntuples(shelf->res);
}

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
        rc = site_template(out->site, LANG_KO, span_of(home_html), gaps, err, &out->home);
    if (rc == 0)
        rc = site_template(out->site, LANG_KO, span_of(product_html), gaps, err, &out->product);
    return rc;
}

void catalog_destroy(struct catalog *catalog)
{
    template_destroy(catalog->product);
    template_destroy(catalog->home);
    site_destroy(catalog->site);
}

static void reply_page(struct http_req *req, const struct template *page, const PGresult *res)
{
    char memory[PAGE_MAX];
    struct text text = text_on(memory, sizeof(memory));
    struct shelf shelf = {res, 0};
    template_put_blocks(&text, page, put_column, more_products, &shelf);
    assert(!text.overflown);
    http_reply(req, &(struct http_reply){
                        .status = 200,
                        .type = "text/html; charset=utf-8",
                        .headers = SPAN("Cache-Control: no-cache\r\nContent-Security-Policy: "
                                        "default-src 'none'; style-src 'self'\r\n"),
                        .body = text_span(&text),
                    });
}

/* The route's ctx is the problem if there is no product; of the list there may be none. */
static void on_page(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    const char *problem = http_req_route_ctx(req);
    const struct catalog *catalog = shop_of(req)->catalog;
    if (res != NULL && problem != NULL && PQntuples(res) == 0)
        shop_reply_problem(req, problem);
    else if (res != NULL)
        reply_page(req, problem != NULL ? catalog->product : catalog->home, res);
}

/* ---- queries ---- */

static void ask_list(struct http_req *req, enum shop_query query, pg_on_done *on_done)
{
    char after[SKU_MAX + 1] = "", limit[16];
    struct span from = http_req_query_arg(req, SPAN("after"));
    const char *const params[] = {after, limit};
    if (from.len > 0 && !span_to_cstr(from, after, sizeof(after)))
        http_problem(req, 400, "bad-query", "after is a sku");
    else if (shop_limit(req, limit))
        pg_pool_query(shop_of(req)->db, query, 2, params, on_done, req);
}

static void ask_one(struct http_req *req, enum shop_query query, pg_on_done *on_done)
{
    char sku[SKU_MAX + 1];
    const char *const params[] = {sku};
    if (span_to_cstr(http_req_param(req, 0), sku, sizeof(sku)))
        pg_pool_query(shop_of(req)->db, query, 1, params, on_done, req);
    else
        shop_reply_problem(req, "unknown-product");
}

static void on_get_home(struct http_req *req)
{
    ask_list(req, SHOP_SHELF, on_page);
}

static void on_get_products(struct http_req *req)
{
    ask_list(req, SHOP_PRODUCTS, shop_answer);
}

static void on_get_item(struct http_req *req)
{
    ask_one(req, SHOP_ITEM, on_page);
}

static void on_get_product(struct http_req *req)
{
    ask_one(req, SHOP_PRODUCT, shop_answer);
}

int catalog_add_routes(struct catalog *catalog, struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_GET, "/", on_get_home, NULL, 0},
        {HTTP_METHOD_GET, "/products/{sku}", on_get_item, "unknown-product", 0},
        {HTTP_METHOD_GET, "/api/products", on_get_products, NULL, 0},
        {HTTP_METHOD_GET, "/api/products/{sku}", on_get_product, "unknown-product", 0},
    };
    int rc = site_routes(catalog->site, router, err);
    return rc < 0 ? rc
                  : http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
