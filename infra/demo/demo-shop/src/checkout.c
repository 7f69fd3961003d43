/* checkout.c: the shop's own orders: a basket becomes an order in one statement, or not at all. */
#include "base/json_in.h"
#include "routes.h"
#include "shop.h"

static int check_basket(json_t *doc, struct err_slot *err)
{
    struct json_in in, line;
    json_t *lines = NULL;
    struct span sku;
    uint64_t quantity;
    json_in_object(&in, doc, err);
    json_in_require(&in, "lines");
    json_in_array(&in, "lines", 1, BASKET_LINES_MAX, &lines);
    for (size_t i = 0; i < json_array_size(lines); i++) {
        if (!json_in_item_child(&in, "lines", lines, i, &line))
            continue;
        json_in_require(&line, "sku");
        json_in_str(&line, "sku", 1, SKU_MAX, &sku);
        json_in_u64(&line, "quantity", 1, BASKET_QUANTITY_MAX, &quantity);
        json_in_end(&line);
    }
    return json_in_end(&in);
}

static void on_checkout(struct http_req *req)
{
    char hash[SHOP_TOKEN_HASH];
    struct err_slot err;
    json_t *doc;
    if (!shop_session(req, hash) || !shop_read_body(req, &doc))
        return;
    if (check_basket(doc, &err) < 0)
        http_problem(req, 400, "bad-basket", "%s", err.text);
    else
        shop_query_doc(req, SHOP_PLACE, hash, doc);
    json_decref(doc);
}

static void on_my_orders(struct http_req *req)
{
    char hash[SHOP_TOKEN_HASH];
    const char *const params[] = {hash};
    if (shop_session(req, hash))
        pg_pool_query(shop_of(req)->db, SHOP_MY_ORDERS, 1, params, shop_answer, req);
}

int checkout_add_routes(struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_POST, "/api/checkout", on_checkout, NULL, BODY_MAX},
        {HTTP_METHOD_GET, "/api/my/orders", on_my_orders, "no-session", 0},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
