/* checkout.c: the shop's own orders: a basket becomes an order in one statement, or not at all. The
 * lines are rewritten from parsed parts, so nothing of the client's text reaches the database as it
 * came. */
#include "base/json_in.h"
#include "routes.h"
#include "shop.h"

#include <assert.h>

static void on_placed(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    struct span outcome = pg_text(res, 0, 0);
    if (span_eq(outcome, SPAN("no-session"))) {
        shop_reply_no_session(req);
    } else if (span_eq(outcome, SPAN("out-of-stock"))) {
        http_problem(req, 409, "out-of-stock", "There is not enough of it left.");
    } else if (span_eq(outcome, SPAN("unknown-product"))) {
        http_problem(req, 422, "unknown-product", "There is no such product.");
    } else {
        char memory[128];
        struct text json = text_on(memory, sizeof(memory));
        json_open(&json, '{');
        json_member_u64(&json, "order", pg_u64(res, 0, 1));
        json_member_u64(&json, "total", pg_u64(res, 0, 2));
        json_close(&json, '}');
        shop_reply_json(req, 201, text_span(&json));
    }
}

/* Writes the lines again, from parsed parts only. */
static bool read_line(struct json_in *in, const json_t *lines, size_t i, struct text *out)
{
    struct json_in line;
    struct span sku = {0};
    uint64_t quantity = 1;
    if (!json_in_item_child(in, "lines", lines, i, &line))
        return false;
    json_in_require(&line, "sku");
    json_in_str(&line, "sku", 1, SKU_MAX, &sku);
    json_in_u64(&line, "quantity", 1, BASKET_QUANTITY_MAX, &quantity);
    if (json_in_end(&line) < 0)
        return false;
    json_open(out, '{');
    json_member_str(out, "sku", sku);
    json_member_u64(out, "quantity", quantity);
    json_close(out, '}');
    return true;
}

static bool read_basket(struct http_req *req, struct text *out)
{
    struct err_slot err;
    json_t *doc;
    if (!shop_read_body(req, &doc))
        return false;
    struct json_in in;
    json_t *lines = NULL;
    json_in_object(&in, doc, &err);
    json_in_require(&in, "lines");
    json_open(out, '[');
    if (json_in_array(&in, "lines", 1, BASKET_LINES_MAX, &lines)) {
        for (size_t i = 0; i < json_array_size(lines); i++)
            (void)read_line(&in, lines, i, out);
    }
    json_close(out, ']');
    bool good = json_in_end(&in) == 0;
    if (!good)
        http_problem(req, 400, "bad-basket", "%s", err.text);
    json_decref(doc);
    return good;
}

static void on_checkout(struct http_req *req)
{
    char hash[SHOP_TOKEN_HASH];
    char memory[BASKET_LINES_MAX * 320]; /* a sku may be escaped, six bytes for one */
    struct text lines = text_on(memory, sizeof(memory) - 1);
    if (!shop_session(req, hash)) {
        shop_reply_no_session(req);
        return;
    }
    if (!read_basket(req, &lines))
        return;
    assert(!lines.overflown);
    memory[lines.len] = '\0';
    const char *const params[] = {hash, memory};
    pg_pool_query(shop_of(req)->db, SHOP_PLACE, 2, params, on_placed, req);
}

static void on_orders(void *ctx, const struct pg_answer *answer)
{
    struct http_req *req = ctx;
    const PGresult *res = shop_result(req, answer);
    if (res == NULL)
        return;
    if (PQntuples(res) == 0) {
        shop_reply_no_session(req);
        return;
    }
    char memory[MY_ORDERS_MAX * 512];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '{');
    json_key(&json, "orders");
    json_open(&json, '[');
    for (int row = 0; row < PQntuples(res); row++) {
        if (pg_text(res, row, 1).ptr == NULL)
            continue; /* a customer without orders */
        json_open(&json, '{');
        json_member_u64(&json, "order", pg_u64(res, row, 1));
        json_member_str(&json, "source", pg_text(res, row, 2));
        json_member_str(&json, "status", pg_text(res, row, 3));
        json_member_str(&json, "currency", pg_text(res, row, 4));
        json_member_u64(&json, "amount", pg_u64(res, row, 5));
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    assert(!json.overflown);
    shop_reply_json(req, 200, text_span(&json));
}

static void on_my_orders(struct http_req *req)
{
    char hash[SHOP_TOKEN_HASH];
    if (!shop_session(req, hash)) {
        shop_reply_no_session(req);
        return;
    }
    const char *const params[] = {hash};
    pg_pool_query(shop_of(req)->db, SHOP_MY_ORDERS, 1, params, on_orders, req);
}

int checkout_add_routes(struct http_router *router, struct err_slot *err)
{
    static const struct http_route routes[] = {
        {HTTP_METHOD_POST, "/api/checkout", on_checkout, NULL, BODY_MAX},
        {HTTP_METHOD_GET, "/api/my/orders", on_my_orders, NULL, 0},
    };
    return http_router_add_all(router, routes, sizeof(routes) / sizeof(routes[0]), err);
}
