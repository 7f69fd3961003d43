/* catalog.c: browsing: the list of products and each product, as JSON and as a page. The two kinds
 * ask the same queries; only what is written differs. */
#include "shop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const char style[] = ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
                            "body{margin:0 auto;max-width:60rem;padding:1rem}"
                            "ul{list-style:none;padding:0;display:grid;gap:1rem;"
                            "grid-template-columns:repeat(auto-fill,minmax(14rem,1fr))}"
                            "li{border:1px solid #8884;border-radius:.5rem;padding:.8rem}"
                            ".price{font-weight:700}";

static void put_escaped(struct text *out, struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            text_printf(out, "&#%d;", c);
        else
            text_char(out, c);
    }
}

static void put_product(struct text *json, const PGresult *res, int row)
{
    json_open(json, '{');
    json_member_str(json, "sku", pg_text(res, row, 0));
    json_member_str(json, "name", pg_text(res, row, 1));
    json_member_u64(json, "price", pg_u64(res, row, 2));
    json_member_cstr(json, "currency", "KRW");
    json_member_u64(json, "stock", pg_u64(res, row, 3));
    if (PQnfields(res) > 4)
        json_member_str(json, "description", pg_text(res, row, 4));
    json_close(json, '}');
}

static void put_head(struct text *page, struct span title)
{
    TEXT_LIT(page, "<!doctype html><html lang=\"ko\"><meta charset=\"utf-8\"><title>");
    put_escaped(page, title);
    TEXT_LIT(page, "</title><meta name=\"viewport\" content=\"width=device-width\">"
                   "<link rel=\"stylesheet\" href=\"/style.css\"><body><h1>");
    put_escaped(page, title);
    TEXT_LIT(page, "</h1>");
}

static void put_price(struct text *page, const PGresult *res, int row)
{
    text_printf(page, "<span class=\"price\">%llu원</span>",
                (unsigned long long)pg_u64(res, row, 2));
}

static void reply_page(struct http_req *req, const struct text *page)
{
    assert(!page->overflown);
    http_reply(req, &(struct http_reply){
                        .status = 200,
                        .type = "text/html; charset=utf-8",
                        .headers = SPAN("Cache-Control: no-cache\r\nContent-Security-Policy: "
                                        "default-src 'none'; style-src 'self'\r\n"),
                        .body = text_span(page),
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
    char memory[LIST_LIMIT_MAX * 900];
    struct text page = text_on(memory, sizeof(memory));
    put_head(&page, SPAN("가게"));
    TEXT_LIT(&page, "<ul>");
    for (int row = 0; row < PQntuples(res); row++) {
        TEXT_LIT(&page, "<li><a href=\"/products/");
        put_escaped(&page, pg_text(res, row, 0));
        TEXT_LIT(&page, "\">");
        put_escaped(&page, pg_text(res, row, 1));
        TEXT_LIT(&page, "</a><br>");
        put_price(&page, res, row);
        TEXT_LIT(&page, "</li>");
    }
    TEXT_LIT(&page, "</ul></body></html>");
    reply_page(req, &page);
}

/* False: the query's limit is not a valid one, and the answer said so. */
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

static void on_get_products(struct http_req *req, void *ctx)
{
    (void)ctx;
    (void)ask_products(req, on_products);
}

static void on_get_home(struct http_req *req, void *ctx)
{
    (void)ctx;
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
    char memory[8192];
    struct text page = text_on(memory, sizeof(memory));
    put_head(&page, pg_text(res, 0, 1));
    TEXT_LIT(&page, "<p>");
    put_escaped(&page, pg_text(res, 0, 4));
    TEXT_LIT(&page, "</p><p>");
    put_price(&page, res, 0);
    text_printf(&page, " · %llu</p><p><a href=\"/\">←</a></p></body></html>",
                (unsigned long long)pg_u64(res, 0, 3));
    reply_page(req, &page);
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

static void on_get_product(struct http_req *req, void *ctx)
{
    (void)ctx;
    ask_product(req, on_product);
}

static void on_get_product_page(struct http_req *req, void *ctx)
{
    (void)ctx;
    ask_product(req, on_product_page);
}

static void on_get_style(struct http_req *req, void *ctx)
{
    (void)ctx;
    http_reply(req, &(struct http_reply){.status = 200,
                                         .type = "text/css; charset=utf-8",
                                         .headers = SPAN("Cache-Control: max-age=3600\r\n"),
                                         .body = {style, sizeof(style) - 1}});
}

int catalog_add_routes(struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_GET, "/", on_get_home, NULL, 0},
        {HTTP_METHOD_GET, "/style.css", on_get_style, NULL, 0},
        {HTTP_METHOD_GET, "/products/{sku}", on_get_product_page, NULL, 0},
        {HTTP_METHOD_GET, "/api/products", on_get_products, NULL, 0},
        {HTTP_METHOD_GET, "/api/products/{sku}", on_get_product, NULL, 0},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
